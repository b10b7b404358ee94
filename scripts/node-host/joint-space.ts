/** Texts and pictures as vectors of one space, in this Node process: an embedding model with an image tower. */
import type { Tower } from '../../engine/adapters/tower.ts';
import { throwIfAborted } from '../../engine/base/errors.ts';
import { resize } from '../../engine/vision/resize.ts';
import type { Picture } from '../../engine/vision/picture.ts';
import { vectorOf } from '../../worker/serving/embedding/embed-pictures.ts';
import { textIds } from '../../worker/serving/embedding/text-ids.ts';
import type { LocalEncoder } from './encoder.ts';
import type { LocalImageEncoder } from './image-encoder.ts';

/** Texts whose vectors are made in one call. */
const CALL_TEXTS = 64;
const TOWER_ID = 'tower';

export interface JointSpace {
  readonly text: LocalEncoder;
  /** Loaded with room for the tower. */
  readonly encoder: LocalImageEncoder;
  readonly tower: Tower;
}

/** Vectors of texts by an embedding model; what is too long is cut. @throws {EngineError} E_ABORTED */
export async function embedTexts(
  { engine, manifest, tokenizer }: LocalEncoder,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const model = { manifest, tokenizer };
  const ids = await textIds(model, texts, { truncate: true, nameOf: (i) => `text ${i + 1}` });
  const vectors: Float32Array[] = [];
  for (let i = 0; i < ids.length; i += CALL_TEXTS) {
    throwIfAborted(signal, 'cut off while texts were embedded');
    vectors.push(...(await engine.embed(ids.slice(i, i + CALL_TEXTS))));
  }
  return vectors;
}

/** A picture as the image encoder takes it. */
export function squareOf(picture: Picture, { manifest }: LocalImageEncoder): Uint8Array {
  const { side } = manifest.config;
  return resize(picture, side, side, 'cubic').rgb;
}

/** The vector of length one of a picture. @param rgb `squareOf` it */
export async function embedPicture(
  { encoder, tower }: Pick<JointSpace, 'encoder' | 'tower'>,
  rgb: Uint8Array,
): Promise<Float32Array> {
  const rows = await encoder.engine.show(rgb, {
    id: TOWER_ID,
    regionBytes: encoder.engine.plan.regions.eyes.bytes,
    load: () => Promise.resolve(tower.tensors),
  });
  return vectorOf(rows, tower.facts.nEmbd);
}
