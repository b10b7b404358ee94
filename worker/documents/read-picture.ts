/** Files of pictures as pixels: those that the engine decodes itself, and those of a library. */
import { inTurns } from '../../engine/base/turns.ts';
import type { ReadPicture } from '../../engine/vision/decode-picture.ts';
import { decodePictureSteps } from '../../engine/vision/decode-picture.ts';
import { takeTurn } from '../platform/turns.ts';
import { decodeWebp, isWebp } from './webp.ts';

/** @param maxSide longest side of the result @throws {EngineError} E_IMAGE_INVALID */
export async function readPicture(
  bytes: Uint8Array,
  webp: WebAssembly.Module,
  maxSide: number,
): Promise<ReadPicture> {
  if (isWebp(bytes)) return await decodeWebp(bytes, webp, maxSide);
  return await inTurns(decodePictureSteps(bytes, { maxSide }), takeTurn);
}
