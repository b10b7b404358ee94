/** preprocessor_config.json: how pictures become squares of the tower's side. */
import type { JsonObject, JsonValue } from '../../../engine/formats/json.ts';
import type { Preparation } from '../../../engine/manifest/preparation.ts';
import { asObject } from '../open/hf-config.ts';
import { configError } from '../open/opened-model.ts';

export const PREPROCESSOR_NAME = 'preprocessor_config.json';

/** @throws {EngineError} E_FORMAT_INVALID naming the field */
export type PreparationReader = (json: JsonObject, side: number) => Preparation;

/** Pillow's numbers of filters. */
const FILTERS: ReadonlyMap<JsonValue | undefined, Preparation['filter']> = new Map([
  [1, 'lanczos'],
  [2, 'triangle'],
  [3, 'cubic'],
]);

const BYTE = 255;

export function invalid(field: string, got: JsonValue | undefined, expected: string): Error {
  const shown = (JSON.stringify(got) ?? 'nothing').slice(0, 80);
  return configError(PREPROCESSOR_NAME, `${field}; expected ${expected}, got ${shown}`, { field });
}

function filterOf(json: JsonObject, fallback: number): Preparation['filter'] {
  const given = json['resample'] ?? fallback;
  const filter = FILTERS.get(given);
  if (filter === undefined) throw invalid('resample', given, '1, 2 or 3 (Lanczos, linear, cubic)');
  return filter;
}

function edgeOf(json: JsonObject, field: string, key: string, fallback: number): number {
  const edge = asObject(json[field])?.[key] ?? fallback;
  if (typeof edge === 'number' && Number.isInteger(edge) && edge > 0) return edge;
  throw invalid(`${field}.${key}`, edge, 'a number of pixels');
}

function requireOn(json: JsonObject, fields: readonly string[]): void {
  const off = fields.find((field) => (json[field] ?? true) !== true);
  if (off !== undefined) throw invalid(off, json[off], 'true');
}

/** Idefics 3 and SmolVLM: the longest edge, tiles, and the whole picture. */
export const readTiles: PreparationReader = (json, side) => {
  requireOn(json, ['do_resize']);
  const tile = edgeOf(json, 'max_image_size', 'longest_edge', side);
  if (tile !== side)
    throw invalid('max_image_size.longest_edge', tile, `${side}, the side of the tower`);
  const kind = (json['do_image_splitting'] ?? true) === true ? 'tiles' : 'whole';
  return {
    kind,
    filter: filterOf(json, 1),
    longestEdge: edgeOf(json, 'size', 'longest_edge', 4 * side),
  };
};

/** LLaVA: the shortest edge and the middle, or the square itself. */
export const readCentre: PreparationReader = (json, side) => {
  requireOn(json, ['do_resize']);
  const filter = filterOf(json, 3);
  const size = asObject(json['size']) ?? {};
  const requireSide = (field: string, got: JsonValue | undefined): void => {
    if ((got ?? side) !== side) throw invalid(field, got, `${side}, the side of the tower`);
  };
  if ('height' in size || 'width' in size) {
    requireSide('size.height', size['height']);
    requireSide('size.width', size['width']);
    return { kind: 'square', filter };
  }
  if ((json['do_center_crop'] ?? true) !== true)
    throw invalid('do_center_crop', json['do_center_crop'] ?? null, 'true with size.shortest_edge');
  const crop = json['crop_size'];
  const { height = crop, width = crop } = asObject(crop) ?? {};
  requireSide('crop_size.height', height);
  requireSide('crop_size.width', width);
  const shortestEdge = edgeOf(json, 'size', 'shortest_edge', side);
  if (shortestEdge < side)
    throw invalid('size.shortest_edge', shortestEdge, `at least ${side}, the side of the tower`);
  if (json['do_pad'] !== true) return { kind: 'centre', filter, shortestEdge };
  const means = three(json, 'image_mean', CLIP_MEAN);
  const padding = means.map((mean) => Math.trunc(mean * BYTE)) as [number, number, number];
  return { kind: 'centre', filter, shortestEdge, padding };
};

/** Of LLaVA's processor. */
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073] as const;

type Three = [number, number, number];

/** The values of three channels. */
function three(json: JsonObject, field: string, fallback: readonly number[] | null): Three {
  const list = json[field] ?? fallback;
  const isThree =
    Array.isArray(list) &&
    list.length === 3 &&
    list.every((value) => typeof value === 'number' && Number.isFinite(value));
  if (isThree) return list as Three;
  throw invalid(field, list === null ? undefined : (list as JsonValue), 'three numbers');
}

/** What bytes lose and are divided by. @throws {EngineError} E_FORMAT_INVALID naming the field */
export function readNormalisation(json: JsonObject): { mean: Three; deviation: Three } {
  requireOn(json, ['do_rescale', 'do_normalize']);
  const factor = json['rescale_factor'] ?? 1 / BYTE;
  if (typeof factor !== 'number' || !(factor > 0))
    throw invalid('rescale_factor', factor, 'a positive number');
  const inBytes = (values: Three): Three => values.map((value) => value / factor) as Three;
  const mean = inBytes(three(json, 'image_mean', null));
  return { mean, deviation: inBytes(three(json, 'image_std', null)) };
}
