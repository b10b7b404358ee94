/** An image of a task: a file that is still to be decoded, or its pixels. */
import { decodePicture } from '../../../engine/vision/decode-picture.ts';
import type { Picture } from '../../../engine/vision/picture.ts';

export type ImageSource = Uint8Array | Picture;

/** @throws {EngineError} E_IMAGE_INVALID */
export function pictureOf(source: ImageSource): Picture {
  return source instanceof Uint8Array ? decodePicture(source) : source;
}
