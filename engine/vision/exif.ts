/**
 * How a camera was held, from EXIF (CIPA DC-008, 4.6.4): the one fact that is read. Nothing else of it, such as
 * where a photograph was taken, is read or kept.
 */

const ORIENTATION_TAG = 0x0112;
const SHORT = 3;
const MAX_ENTRIES = 512;

/** @param tiff what comes after "Exif\0\0" @returns 1 to 8; 1 where it does not say */
export function orientationOf(tiff: Uint8Array): number {
  if (tiff.length < 14) return 1;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return 1;
  const isLittle = order === 0x4949;
  const directory = view.getUint32(4, isLittle);
  if (directory + 2 > tiff.length) return 1;
  const nEntry = Math.min(MAX_ENTRIES, view.getUint16(directory, isLittle));
  for (let i = 0; i < nEntry; i++) {
    const at = directory + 2 + 12 * i;
    if (at + 12 > tiff.length) return 1;
    if (view.getUint16(at, isLittle) !== ORIENTATION_TAG) continue;
    const value = view.getUint16(at + 8, isLittle);
    return view.getUint16(at + 2, isLittle) === SHORT && value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}
