/** What a decoder reads beside text, with projectors of its own into its width: part of its manifest. */
import { z } from 'zod';
import { frameValues } from '../audio/frame-vectors.ts';
import { patchCount, patchValues } from '../vision/patches.ts';

/** Vectors of a segment: every one is a position of the context. */
const MAX_VECTORS = 4096;
const MAX_SIDE = 1024;
const count = (most: number) => z.number().int().positive().max(most);
const marker = z.number().int().nonnegative();

/** Ids of the tokens before and after a segment. */
const markers = { beginId: marker, endId: marker };

const image = z
  .object({
    ...{ size: count(MAX_SIDE), patch: count(MAX_SIDE), window: count(MAX_SIDE) },
    ...{ cell: count(MAX_SIDE).default(1), directions: z.number().int().min(0).max(36).default(0) },
    scan: z.enum(['rows', 'columns']).default('rows'),
    ...markers,
  })
  .refine(
    ({ size, patch, window, cell }) =>
      size % patch === 0 &&
      window % cell === 0 &&
      window >= patch &&
      (window - patch) % 2 === 0 &&
      (size / patch) ** 2 <= MAX_VECTORS,
    `expected a patch that divides the size into at most ${MAX_VECTORS} patches, a window as much larger on both sides, and a cell that divides it`,
  );

const audio = z.object({
  ...{ bands: count(128), stack: count(64), most: count(MAX_VECTORS) },
  ...markers,
});

/** Lengths as in PatchGrid and FrameStack. */
export const modalitiesSchema = z.object({ image, audio }).partial();
export type Modalities = z.output<typeof modalitiesSchema>;
export type ImageModality = NonNullable<Modalities['image']>;
export type AudioModality = NonNullable<Modalities['audio']>;
export type SenseName = keyof Modalities;

/** Sizes of a modality's projector. */
export interface ProjectorSize {
  /** Values of a vector. */
  readonly nIn: number;
  /** Places that a vector may have in its segment: vectors of the longest. */
  readonly nPosition: number;
}

const SIZES: Readonly<Record<SenseName, (modalities: Modalities) => ProjectorSize | null>> = {
  image: ({ image }) =>
    image === undefined ? null : { nIn: patchValues(image), nPosition: patchCount(image) },
  audio: ({ audio }) =>
    audio === undefined ? null : { nIn: frameValues(audio), nPosition: audio.most },
};
export const SENSE_NAMES = Object.keys(SIZES) as SenseName[];

/** Null for a model that lacks the sense. */
export function projectorSize(
  modalities: Modalities | undefined,
  sense: SenseName,
): ProjectorSize | null {
  // A request may name anything.
  if (modalities === undefined || !Object.hasOwn(SIZES, sense)) return null;
  return SIZES[sense](modalities);
}
