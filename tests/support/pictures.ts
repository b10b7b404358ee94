/** Pictures that formulas make, and files that are none. */
import { encode as encodePng } from 'fast-png';
import { zlibSync } from 'fflate';
import { toBase64 } from '../../engine/base/base64.ts';

/** As in tests/golden/make-open-nsfw.py. */
export function formulaPixels(width: number, height: number, k: number): Uint8Array {
  const rgb = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 3 * (y * width + x);
      rgb[at] = (x * (k + 2) + y) % 256;
      rgb[at + 1] = (Math.floor((x * x) / (k + 7)) + y * 3) % 256;
      rgb[at + 2] = (255 - (Math.floor((x * y) / (k + 11)) % 256)) % 256;
    }
  }
  return rgb;
}

export function formulaPng(width: number, height: number, k: number): Uint8Array {
  const data = formulaPixels(width, height, k);
  return encodePng({ width, height, data, channels: 3, depth: 8 });
}

export const dataUrl = (bytes: Uint8Array, type = 'image/png'): string =>
  `data:${type};base64,${toBase64(bytes)}`;

const PNG_MAGIC = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** A chunk whose checksum nobody asks for. */
function chunk(type: string, data: Uint8Array): number[] {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, data.length);
  return [...length, ...new TextEncoder().encode(type), ...data, 0, 0, 0, 0];
}

/** A PNG of this claimed size and kind over these inflated bytes. */
export function rawPng(
  width: number,
  height: number,
  depth: number,
  colour: number,
  inflated: Uint8Array,
  extra: readonly number[] = [],
): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([depth, colour, 0, 0, 0], 8);
  return Uint8Array.from([
    ...PNG_MAGIC,
    ...chunk('IHDR', header),
    ...extra,
    ...chunk('IDAT', zlibSync(inflated)),
    ...chunk('IEND', new Uint8Array(0)),
  ]);
}

export { chunk as pngChunk };
