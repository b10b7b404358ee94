/** Files of pictures and recordings, opened within bounds. */
import { readFile, stat } from 'node:fs/promises';
import { atOnce } from '../../../engine/base/turns.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { decodePictureSteps } from '../../../engine/vision/decode-picture.ts';
import type { ReadPicture } from '../../../engine/vision/decode-picture.ts';
import { invalidPicture } from '../../../engine/vision/picture.ts';
import { MAX_AUDIO_BYTES } from '../../../worker/audio/limits.ts';

/** Bytes of a picture's file. */
const MAX_PICTURE_BYTES = 64 * 1024 * 1024;
/** Of a decoded picture in pixels: what is looked at is smaller. */
const MAX_SIDE = 512;

/** A picture that was read; a large one is made smaller, its `size` is that of the file. @throws {EngineError} E_IMAGE_INVALID */
export async function openPicture(path: string): Promise<ReadPicture> {
  const { size } = await stat(path);
  if (size > MAX_PICTURE_BYTES)
    throw invalidPicture(`has ${size} bytes`, `at most ${MAX_PICTURE_BYTES}; make it smaller`);
  return atOnce(decodePictureSteps(new Uint8Array(await readFile(path)), { maxSide: MAX_SIDE }));
}

/** The bytes of a recording. @throws {EngineError} E_AUDIO_INVALID for more than can be decoded */
export async function readRecording(path: string): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size > MAX_AUDIO_BYTES)
    throw new EngineError(
      'E_AUDIO_INVALID',
      `audio: ${path} has ${size} bytes; expected at most ${MAX_AUDIO_BYTES}. Cut it.`,
    );
  return await readFile(path);
}
