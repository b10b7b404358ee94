/** What a text model reads beside text: by itself, or with the eyes of its adapter. */
import { projectorSize, SENSE_NAMES, type SenseName } from '../../../engine/manifest/modalities.ts';
import type { ServedModel } from '../models/model-store.ts';

/** How a segment of a sense stands in a prompt. */
export interface Sense {
  /** Ids of the tokens before and after it. */
  readonly beginId: number;
  readonly endId: number;
  /** Positions of the longest. */
  readonly nPosition: number;
}
export type Senses = Readonly<Partial<Record<SenseName, Sense>>>;

/** @param model of which an adapter's eyes take the place of its own */
export function sensesOf({ manifest, adapter }: Pick<ServedModel, 'manifest' | 'adapter'>): Senses {
  const { modalities } = manifest.config;
  const senses: Partial<Record<SenseName, Sense>> = {};
  for (const name of SENSE_NAMES) {
    const [markers, size] = [modalities?.[name], projectorSize(modalities, name)];
    if (markers === undefined || size === null) continue;
    const { beginId, endId } = markers;
    senses[name] = { beginId, endId, nPosition: size.nPosition };
  }
  const eyes = adapter?.eyes ?? null;
  if (eyes === null) return senses;
  const { beginId, endId, grid } = eyes;
  return { ...senses, image: { beginId, endId, nPosition: grid * grid } };
}

/** The names of what a model reads beside text. */
export function senseNames(
  model: Pick<ServedModel, 'manifest' | 'adapter'>,
): ReadonlySet<SenseName> {
  return new Set(Object.keys(sensesOf(model)) as SenseName[]);
}
