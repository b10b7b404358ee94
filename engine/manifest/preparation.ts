/** How pictures of any size become squares of a tower's side: part of its manifest. */
import { z } from 'zod';

/** Tiles a side of a picture. */
export const MAX_TILE_SIDES = 8;
const MAX_EDGE = 4096;
const edge = z.number().int().positive().max(MAX_EDGE);
const colour = z.number().int().min(0).max(255);

/** Pillow's filters, by the names of `engine/vision/resize.ts`. */
const filter = z.enum(['triangle', 'cubic', 'lanczos']);

export const preparationSchema = z.discriminatedUnion('kind', [
  /** Made the square, whatever its proportions. */
  z.object({ kind: z.literal('square'), filter }),
  /** The shortest edge is made `shortestEdge`, and the middle is taken. */
  z.object({
    kind: z.literal('centre'),
    filter,
    shortestEdge: edge,
    /** Colour with which a picture is made a square before. */
    padding: z.tuple([colour, colour, colour]).optional(),
  }),
  /** The longest edge is made `longestEdge`; then tiles of the side, and last the whole picture as one. */
  z.object({ kind: z.literal('tiles'), filter, longestEdge: edge }),
  /** The whole picture as one tile, with its longest edge made `longestEdge` before. */
  z.object({ kind: z.literal('whole'), filter, longestEdge: edge }),
]);

export type Preparation = z.output<typeof preparationSchema>;
