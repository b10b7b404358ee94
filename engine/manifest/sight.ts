/** How a text model reads pictures through a vision tower, which is a model of its own: part of its manifest. */
import { z } from 'zod';
import { MODEL_ID_PATTERN, sha256 } from './about.ts';
import { MAX_TILE_SIDES } from './preparation.ts';

/** Tokens of a marker that has no token of its own in the vocabulary. */
const MAX_MARKER = 32;
const MAX_ROWS = 4097;

const id = z.number().int().nonnegative();
const marker = z.array(id).max(MAX_MARKER);

export const sightSchema = z.object({
  /** Id of the tower. */
  tower: z.string().regex(MODEL_ID_PATTERN),
  /** Hash of the files that the tower was imported from: rows of another one mean nothing to this model. */
  towerSha256: sha256,
  /** The token that stands for a picture in a conversation. */
  imageId: id,
  /** Rows of a square. */
  nRow: z.number().int().positive().max(MAX_ROWS),
  /** What stands before and after the rows of a whole picture. */
  before: marker,
  after: marker,
  /** Of models that read tiles before the whole picture. */
  tiles: z
    .object({
      /** Before the tile of each row and column. */
      begin: z.array(z.array(marker).min(1).max(MAX_TILE_SIDES)).min(1).max(MAX_TILE_SIDES),
      /** After a row of tiles, and after the last one. */
      rowEnd: marker,
      lastEnd: marker,
    })
    .optional(),
});

export type Sight = z.output<typeof sightSchema>;

/** How a model's sight and its vocabulary contradict each other, or null. */
export function sightContradiction(
  sight: Sight | undefined,
  { nVocab }: { readonly nVocab: number },
): string | null {
  if (sight === undefined) return null;
  const { imageId, before, after, tiles } = sight;
  const ids = [imageId, ...before, ...after];
  if (tiles !== undefined) ids.push(...tiles.begin.flat(2), ...tiles.rowEnd, ...tiles.lastEnd);
  const unknown = ids.find((one) => one >= nVocab);
  return unknown === undefined ? null : `sight: marker ${unknown} of ${nVocab} tokens`;
}
