/** What a text model reads beside text: by itself, through its tower, or with the eyes of its adapter. */
import { framedPositions, mostPositions } from '../../../engine/generate/picture-frame.ts';
import { projectorSize, SENSE_NAMES, type SenseName } from '../../../engine/manifest/modalities.ts';
import type { ServedModel } from '../models/model-store.ts';

/** How a segment of a sense stands in a prompt. */
export interface Sense {
  /** Ids of the tokens that stand for it until it is read: nothing else in a conversation has them one after the other. */
  readonly markers: readonly number[];
  /** Positions that the longest takes beside them. */
  readonly nPosition: number;
  /** Those of a picture that is looked at as one square, where they are others. */
  readonly nWhole?: number;
}
export type Senses = Readonly<Partial<Record<SenseName, Sense>>>;

/** @param model of which an adapter's eyes take the place of its own */
export function sensesOf({ manifest, adapter }: Pick<ServedModel, 'manifest' | 'adapter'>): Senses {
  const { config, sight } = manifest;
  const { modalities } = config;
  const senses: Partial<Record<SenseName, Sense>> = {};
  for (const name of SENSE_NAMES) {
    const [markers, size] = [modalities?.[name], projectorSize(modalities, name)];
    if (markers === undefined || size === null) continue;
    const { beginId, endId } = markers;
    senses[name] = { markers: [beginId, endId], nPosition: size.nPosition };
  }
  if (sight !== undefined)
    senses.image = {
      markers: [sight.imageId],
      nPosition: mostPositions(sight) - 1,
      nWhole: framedPositions(sight, 0, 0) - 1,
    };
  const eyes = adapter?.eyes ?? null;
  if (eyes === null) return senses;
  const { beginId, endId, grid } = eyes;
  return { ...senses, image: { markers: [beginId, endId], nPosition: grid * grid } };
}

/** The names of what a model reads beside text. */
export function senseNames(
  model: Pick<ServedModel, 'manifest' | 'adapter'>,
): ReadonlySet<SenseName> {
  return new Set(Object.keys(sensesOf(model)) as SenseName[]);
}
