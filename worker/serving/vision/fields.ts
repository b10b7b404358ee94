/** The field "vision" of requests, and the pictures in the details of answers. */
import { z } from 'zod';
import type { ServingEnv } from '../env.ts';

export const VISION_MODES = ['describe', 'off'] as const;

/** What happens to pictures that the model has no input for: they become words, or are refused. */
export const visionField = z.enum(VISION_MODES).optional();
export type VisionField = z.output<typeof visionField>;

/** That of the request, else of the deployment. */
export function visionOf({ VISION }: Pick<ServingEnv, 'VISION'>, field: VisionField) {
  return field ?? (VISION === 'off' ? 'off' : 'describe');
}

/** A picture of a request that is one field. */
export const imageField = z
  .string()
  .min(1)
  .describe('a data: URL of the picture, or an address that the deployment fetches pictures from');

const count = z.number().int().nonnegative();
const score = z.number();

export const imagesSchema = z
  .array(
    z.strictObject({
      index: count.describe('of the pictures of the request, from 1'),
      field: z.string().describe('where it stood in the request'),
      type: z.string().describe('by its bytes'),
      claimed_type: z
        .string()
        .optional()
        .describe('what the request said that it is, where that is wrong'),
      width: count.describe('pixels of the file, turned as EXIF says'),
      height: count,
      description: z.string().describe('what the model read in its place'),
      text: z
        .array(z.strictObject({ text: z.string(), score, box: z.array(z.number()) }))
        .optional()
        .describe('lines of text in it, with their places in pixels: left, top, right, bottom'),
      labels: z.array(z.strictObject({ label: z.string(), score })).optional(),
      colours: z.array(z.strictObject({ name: z.string(), share: z.number() })).optional(),
      missing: z
        .array(z.strictObject({ name: z.string(), fix: z.string() }))
        .describe('what could not be said for want of a model'),
    }),
  )
  .meta({ id: 'DescribedImages', description: 'extension: the pictures that were described' });

export type ImageJson = z.output<typeof imagesSchema>[number];
