/**
 * Pictures as vectors among those that an embedding model makes of texts: by its image tower, in the stage of the image encoder
 * that the tower sees through.
 */
import { RecentCache } from '../../../engine/base/recent-cache.ts';
import { sha256Hex } from '../../../engine/base/sha256.ts';
import { toLengthOne } from '../../../engine/model/encoder/pooling.ts';
import type { Picture } from '../../../engine/vision/picture.ts';
import type { TowerFile } from '../../platform/adapter-files.ts';
import type { Caller } from '../../platform/caller.ts';
import { throwIfLeft } from '../../platform/client.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import type { ServingEnv } from '../env.ts';
import { named } from '../senses/named.ts';
import { findSeeing, projectPicture, projectPixels } from '../senses/project-picture.ts';
import type { EncoderModel } from './find-encoder.ts';

/** What a picture counts as in `usage`: about what it costs in tokens of a small embedding model. */
export const PICTURE_TOKENS = 16;
/** Vectors that are kept, of all pictures together: 1.5 kB each of the default model. */
const MAX_KEPT_BYTES = 2 * 1024 * 1024;

/** A picture of a request: its bytes are only in memory when its turn has come. */
export interface SentImage {
  /** Field that it came in, for errors. */
  readonly param: string;
  /** Its file, or its pixels. @throws {EngineError} E_REQUEST_INVALID */
  readonly open: () => Promise<Uint8Array<ArrayBuffer> | Picture>;
}

const kept = new RecentCache<string, Float32Array>({
  maxSize: MAX_KEPT_BYTES,
  sizeOf: ({ byteLength }) => byteLength,
});

/** @param param field of the first picture @throws {EngineError} E_REQUEST_INVALID for a model that embeds texts alone */
export function requireTower({ id, tower }: EncoderModel, param: string): TowerFile {
  if (tower !== undefined) return tower;
  throw invalidField(
    param,
    `is a picture, and ${id} embeds texts alone; expected a model with an image tower. Add one: ` +
      `thimble adapter add ${id}:pictures FOLDER, and name ${id}:pictures as the model`,
  );
}

/**
 * One vector of length one per picture, in their order. The same picture of the same subject is not looked at again while the
 * isolate remembers it.
 * @throws {EngineError} E_REQUEST_INVALID, E_IMAGE_INVALID naming the picture; E_MODEL_NOT_FOUND when the image encoder is not
 *   there, E_ADAPTER_BASE when another is; E_ABORTED; errors of the scripts
 */
export async function embedPictures(
  env: ServingEnv,
  caller: Caller,
  model: EncoderModel,
  pictures: readonly SentImage[],
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const [first] = pictures;
  if (first === undefined) return [];
  const tower = requireTower(model, first.param);
  const encoder = await findSeeing(env, model.id, tower.eyes);
  const owner = `${encodeURIComponent(caller.subject)} ${tower.base}:${tower.id} ${encoder.version}`;
  const vectors: Float32Array[] = [];
  for (const { param, open } of pictures) {
    throwIfLeft(signal);
    const given = await open();
    const key = `${owner} ${await keyOf(given)}`;
    const project = (): Promise<Float32Array> =>
      'rgb' in given
        ? projectPixels(env, caller, encoder, tower, given)
        : projectPicture(env, caller, encoder, tower, given);
    const vector = kept.get(key) ?? vectorOf(await named(param, project), tower.eyes.nEmbd);
    kept.set(key, vector);
    vectors.push(vector);
  }
  return vectors;
}

/** Of what was given: pixels of different sides may be the same bytes. */
async function keyOf(given: Uint8Array<ArrayBuffer> | Picture): Promise<string> {
  if (!('rgb' in given)) return await sha256Hex(given);
  const { width, height, rgb } = given;
  return `${width}x${height} ${await sha256Hex(new Uint8Array(rgb))}`;
}

/** Mean of a tower's rows, of length one. */
export function vectorOf(rows: Float32Array, nEmbd: number): Float32Array {
  const sum = new Float32Array(nEmbd);
  for (const [i, value] of rows.entries()) sum[i % nEmbd]! += value;
  return toLengthOne(sum);
}
