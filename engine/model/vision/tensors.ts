/** Every tensor of an image encoder, by its config: norms are folded into the products before them. */
import type { TensorInstance } from '../../archs/index.ts';
import type { TensorRole } from '../../archs/types.ts';
import type { VisionConfig } from '../../manifest/vision-config.ts';

/** Sides of the first convolution. */
export const STEM_KERNEL = 3;
export const STEM_STRIDE = 2;
const COLOURS = 3;

/** Values that the first convolution reads for a position. */
export const STEM_VALUES = STEM_KERNEL * STEM_KERNEL * COLOURS;

/** Our names are those under which an importer gives the folded tensors. */
export function visionTensors(c: VisionConfig): TensorInstance[] {
  const nLast = c.blocks.at(-1)?.nOut ?? c.nStem;
  return [
    ...product('stem', [c.nStem, STEM_VALUES], null, 'convolution'),
    ...c.blocks.flatMap((block, i) => {
      const nIn = c.blocks[i - 1]?.nOut ?? c.nStem;
      const name = (part: string) => `layers.${i}.${part}`;
      const taps = block.kernel * block.kernel;
      return [
        ...(block.isExpanded ? product(name('expand'), [block.nWide, nIn], i) : []),
        ...product(name('depthwise'), [taps, block.nWide], i, 'depthwise'),
        ...product(name('project'), [block.nOut, block.nWide], i),
      ];
    }),
    ...product('head', [c.nFeature, nLast], null),
    ...product('classes', [c.labels.length, c.nFeature], null),
  ];
}

/** A product and its bias. */
function product(
  name: string,
  shape: readonly [number, number],
  layer: number | null,
  role: TensorRole = 'ffn',
): TensorInstance[] {
  // A depthwise convolution has a value a channel for each of its taps.
  const n = role === 'depthwise' ? shape[1] : shape[0];
  return [
    instance(`${name}Proj`, role, layer, shape),
    instance(`${name}Bias`, 'bias', layer, [1, n]),
  ];
}

function instance(
  name: string,
  role: TensorRole,
  layer: number | null,
  shape: readonly [number, number],
): TensorInstance {
  const of = shape[0] === 1 ? shape[1] : shape[0];
  const place = {
    ...{ name, from: 0, of, nStacked: 0, transposed: false, taps: 1, plus: 0, dims: null },
  };
  return {
    spec: { name, role, manyRows: true },
    ...{ layer, expert: 0, name, shape, places: { hf: place } },
    ...{ required: true, isAlias: false },
  };
}
