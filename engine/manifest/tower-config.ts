/** Shape and numbers of a vision tower (a transformer over the patches of a square) and of what follows it. */
import { z } from 'zod';
import { MAX_TILE_SIDES, preparationSchema } from './preparation.ts';

const MAX_WIDTH = 16_384;
const MAX_PATCHES = 4096;
const MAX_SIDE = 1024;
const MAX_LAYERS = 256;
const MAX_HEADS = 256;
const MAX_FACTOR = 16;
/** Values of a head that attention loads at once. */
const HEAD_STEP = 4;
const COLOURS = 3;

const width = z.number().int().positive().max(MAX_WIDTH);
const byChannel = z.tuple([z.number(), z.number(), z.number()]);

export const towerConfigSchema = z.object({
  /** Sides of the square that goes in, in pixels. */
  side: z.number().int().positive().max(MAX_SIDE),
  /** Sides of a patch, in pixels. */
  patch: z.number().int().positive().max(MAX_SIDE),
  /** A value that goes in is (byte - mean) / deviation, by channel: red, green, blue. */
  mean: byChannel,
  deviation: byChannel,
  /** Layers that are run: those after the one whose rows are taken are not imported. */
  nLayer: z.number().int().positive().max(MAX_LAYERS),
  nEmbd: width,
  nHead: z.number().int().positive().max(MAX_HEADS),
  nFf: width,
  normEps: z.number().positive(),
  ffn: z.enum(['gelu-erf', 'gelu-tanh', 'gelu-quick']),
  /** Whether the rows of the last layer are normed. */
  outputNorm: z.boolean(),
  /** What makes rows of a text model's width. */
  connector: z.object({
    /** Patches of a square of this side become one row. */
    factor: z.number().int().positive().max(MAX_FACTOR),
    /** Width between two products, with GELU after the first; one product without it. */
    nHidden: width.optional(),
    /** Width of the text model. */
    nOut: width,
    /** Whether the row that stands before the patches becomes a row, too; of towers that have one. */
    keepsFirst: z.boolean(),
  }),
  preparation: preparationSchema,
});

export type TowerConfig = z.output<typeof towerConfigSchema>;

type Sizes = Pick<TowerConfig, 'side' | 'patch' | 'connector'>;

/** Patches of a square. */
export function towerPatches({ side, patch }: Pick<TowerConfig, 'side' | 'patch'>): number {
  return (side / patch) ** 2;
}

/** Rows that a square becomes. */
export function towerRows({ side, patch, connector }: Sizes): number {
  const { factor, keepsFirst } = connector;
  return towerPatches({ side, patch }) / factor ** 2 + (keepsFirst ? 1 : 0);
}

/** Values of a patch. */
export function patchValues({ patch }: Pick<TowerConfig, 'patch'>): number {
  return COLOURS * patch * patch;
}

/** How numbers of a config contradict each other, or null. */
export function towerContradiction(c: TowerConfig): string | null {
  const { side, patch, nEmbd, nHead, connector, preparation } = c;
  if (side % patch !== 0) return `patch ${patch} does not divide side ${side}`;
  const patches = towerPatches(c);
  if (patches > MAX_PATCHES) return `${patches} patches, more than ${MAX_PATCHES}`;
  if (nEmbd % (HEAD_STEP * nHead) !== 0)
    return `nEmbd ${nEmbd} is not a multiple of four times nHead ${nHead}`;
  if ((side / patch) % connector.factor !== 0)
    return `factor ${connector.factor} does not divide ${side / patch} patches a side`;
  if (connector.factor > 1 && connector.keepsFirst)
    return `factor ${connector.factor} with the row before the patches`;
  if (c.deviation.some((value) => !(value > 0))) return `deviation ${c.deviation.join(', ')}`;
  if (preparation.kind === 'tiles' && preparation.longestEdge > MAX_TILE_SIDES * side)
    return `longestEdge ${preparation.longestEdge} is more than ${MAX_TILE_SIDES} tiles of ${side}`;
  return null;
}
