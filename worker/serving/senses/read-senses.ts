/**
 * Pictures and sounds of a conversation as a model takes them, each in the place of its part: vectors for projectors of its
 * own, rows of its tower or of an adapter's eyes. Decoders run in scripts of their own; what cannot be decoded is refused by
 * the part's name.
 */
import { FrameVectors, mostSamples } from '../../../engine/audio/frame-vectors.ts';
import { SAMPLE_RATE } from '../../../engine/audio/log-mel.ts';
import { sha256Hex } from '../../../engine/base/sha256.ts';
import type { AudioModality, ImageModality } from '../../../engine/manifest/modalities.ts';
import type { ReadPicture } from '../../../engine/vision/decode-picture.ts';
import { fitToGrid, patchVectors } from '../../../engine/vision/patches.ts';
import { readAudio } from '../../audio/frames.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import type { Caller } from '../../platform/caller.ts';
import { throwIfLeft } from '../../platform/client.ts';
import { ask, reach } from '../../platform/rpc.ts';
import { isMedia, type MediaPart, type Message } from '../conversation/message.ts';
import type { ServingEnv } from '../env.ts';
import type { ServedModel } from '../models/model-store.ts';
import { sentPicture } from '../vision/fetch-picture.ts';
import { MAX_PICTURES, pictureBytes } from '../vision/picture-bytes.ts';
import { between, type Segments } from './marks.ts';
import { named } from './named.ts';
import { seeWithEyes } from './see-with-eyes.ts';
import { seeWithTower } from './see-with-tower.ts';
import { sensesOf } from './senses.ts';

/** Pictures are made as small as the model's grid afterwards. */
const MAX_SIDE = 1280;

interface Reading {
  readonly env: ServingEnv;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/**
 * The media of all messages, in their order.
 * @param field of the messages, for errors
 * @param nText positions of all that is no picture and no sound
 * @throws {EngineError} E_REQUEST_INVALID, E_IMAGE_INVALID, E_AUDIO_INVALID naming the part; as `seeWithEyes` and
 *   `seeWithTower`
 */
export async function readSenses(
  reading: Reading,
  model: ServedModel,
  messages: readonly Message[],
  field: string,
  nText: number,
): Promise<readonly Segments[]> {
  const media: Segments[] = [];
  let nPosition = nText;
  for (const [i, { content }] of messages.entries())
    for (const [j, part] of content.entries()) {
      if (!isMedia(part)) continue;
      throwIfLeft(reading.signal);
      const path = part.at ?? `${field}[${i}].content[${j}]`;
      if (media.length >= MAX_PICTURES)
        throw invalidField(path, `expected at most ${MAX_PICTURES} pictures and sounds`);
      const read = await named(path, () => readPart(reading, model, part, path, nPosition));
      nPosition += read.nPosition;
      media.push(read.segments);
    }
  return media;
}

interface ReadPart {
  readonly segments: Segments;
  /** Positions, where they have to be counted. */
  readonly nPosition: number;
}

async function readPart(
  reading: Reading,
  model: ServedModel,
  part: MediaPart,
  path: string,
  nBefore: number,
): Promise<ReadPart> {
  const { env, caller, signal } = reading;
  const { id, manifest, adapter } = model;
  const { image, audio } = manifest.config.modalities ?? {};
  const eyes = adapter?.eyes ?? null;
  if (part.type === 'image' && adapter !== undefined && eyes !== null) {
    const { bytes } = await sentPicture(env, part.url, path, signal);
    const seen = await seeWithEyes(env, caller, id, { ...adapter, eyes }, bytes);
    return { segments: between(sensesOf(model).image!, seen), nPosition: 0 };
  }
  if (part.type === 'image' && manifest.sight !== undefined) {
    const { bytes } = await sentPicture(env, part.url, path, signal);
    const { sight } = manifest;
    const seeing = { model, sight, isWhole: part.detail === 'low', path, nBefore };
    return await seeWithTower(env, caller, seeing, bytes);
  }
  let values: Float32Array;
  if (part.type === 'image' && image !== undefined)
    values = await pictureVectors(reading, part, image, path);
  else if (part.type === 'audio' && audio !== undefined)
    values = await soundVectors(reading, part, audio, path);
  else throw invalidField(path, `${id} does not take ${part.type}; expected text`);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const hash = await sha256Hex(bytes.slice());
  const segment = { kind: 'vectors', sense: part.type, values, hash } as const;
  return { segments: between(sensesOf(model)[part.type]!, segment), nPosition: 0 };
}

async function pictureVectors(
  { env, caller, signal }: Reading,
  { url }: MediaPart,
  grid: ImageModality,
  path: string,
): Promise<Float32Array> {
  const { bytes } = await sentPicture(env, url, path, signal);
  const { picture } = await ask<ReadPicture>('documents', () =>
    env.DOCUMENTS.readPicture({ requestId: caller.requestId }, bytes, MAX_SIDE),
  );
  return patchVectors(fitToGrid(picture, grid), grid);
}

async function soundVectors(
  { env, caller }: Reading,
  { url }: MediaPart,
  stack: AudioModality,
  path: string,
): Promise<Float32Array> {
  const { bytes } = pictureBytes(url, path);
  const call = { requestId: caller.requestId };
  const body = new Blob([bytes]).stream() as ReadableStream<Uint8Array>;
  using held = await reach('audio', () => env.AUDIO.hold(body));
  const options = { sampleRate: SAMPLE_RATE, raw: null };
  const stream = await reach('audio', () => held.decode(call, options));
  const most = mostSamples(stack);
  const samples = new Float32Array(most);
  let n = 0;
  for await (const frame of readAudio(stream)) {
    if (frame.type !== 'samples') continue;
    const { value } = frame;
    if (n + value.length > most)
      throw invalidField(
        path,
        `expected at most ${(most / SAMPLE_RATE).toFixed(2)} s of sound; cut it, or ask a model that transcribes`,
      );
    samples.set(value, n);
    n += value.length;
  }
  return new FrameVectors(stack).of(samples.subarray(0, n));
}
