/** Pictures as smaller files, for what is kept of them: JPEG of as many pixels as its bytes have room for. */
import { encode } from 'jpeg-js';
import { type Picture, fittedSize } from '../../engine/vision/picture.ts';
import { resize } from '../../engine/vision/resize.ts';
import { takeTurn } from '../platform/turns.ts';

/** Longest sides, the first that fits is taken. No model here looks closer than at the first. */
export const KEPT_SIDES = [2048, 1448, 1024, 724, 512, 256] as const;
const QUALITY = 90;

/**
 * @param picture with sides of at most the first of `KEPT_SIDES`
 * @param maxBytes what the file may have; the smallest one where none fits
 */
export async function shrinkPicture(
  picture: Picture,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  let jpeg = new Uint8Array();
  for (const side of KEPT_SIDES) {
    const { width, height } = fittedSize(picture, side);
    const isSame = width === picture.width && height === picture.height;
    // A side that changes nothing was tried, unless it is the first one.
    if (isSame && jpeg.length > 0) continue;
    jpeg = jpegOf(isSame ? picture : resize(picture, width, height, 'lanczos'));
    if (jpeg.length <= maxBytes) break;
    await takeTurn();
  }
  return jpeg;
}

function jpegOf({ width, height, rgb }: Picture): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) data.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
  return new Uint8Array(encode({ width, height, data }, QUALITY).data);
}
