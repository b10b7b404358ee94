/** The segments of a JPEG before and between its scans (ITU-T T.81, annex B). */
import type { Size } from '../picture.ts';
import { checkSize, invalidPicture } from '../picture.ts';
import type { HuffmanTable } from './huffman.ts';
import { huffmanTable } from './huffman.ts';

/** 24 megapixels, as cameras have them. */
export const MAX_JPEG_PIXELS = 24 * 1024 * 1024;

export interface FrameComponent {
  readonly id: number;
  /** Samples across and down for each that the coarsest component has. */
  readonly across: number;
  readonly down: number;
  readonly quantizationIndex: number;
}

export interface Frame extends Size {
  readonly isProgressive: boolean;
  readonly components: readonly FrameComponent[];
  readonly maxAcross: number;
  readonly maxDown: number;
  /** Minimum coded units of interleaved scans. */
  readonly nUnitAcross: number;
  readonly nUnitDown: number;
}

export interface ScanComponent {
  /** Index in the frame's components. */
  readonly index: number;
  readonly dc: number;
  readonly ac: number;
}

export interface Scan {
  readonly components: readonly ScanComponent[];
  /** First and last coefficient, in zigzag order. */
  readonly from: number;
  readonly to: number;
  /** Bit that earlier scans ended at, 0 for none, and the one this ends at. */
  readonly highBit: number;
  readonly lowBit: number;
}

/** Position of the coefficients in a block of 8 x 8, in the order they are stored in. */
// prettier-ignore
export const ZIGZAG = Uint8Array.of(
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
  28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61,
  54, 47, 55, 62, 63,
);

/** Kinds of frames that are read: whether each is progressive. */
const FRAMES: Readonly<Record<number, boolean>> = { 0xc0: false, 0xc1: false, 0xc2: true };
const MAX_SAMPLING = 4;
const MAX_UNIT_BLOCKS = 10;

/** @param body of the segment, without its length */
export function readFrame(marker: number, body: Uint8Array): Frame {
  const isProgressive = FRAMES[marker];
  if (isProgressive === undefined)
    throw invalidPicture(
      'is a lossless, hierarchical or arithmetic-coded JPEG',
      'a baseline or progressive one; save it again',
    );
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const n = body[5] ?? 0;
  if (body.length < 6 + 3 * n) throw cutOff();
  if (body[0] !== 8)
    throw invalidPicture(`has ${body[0]} bits a sample`, 'a JPEG of 8 bits a sample');
  const size = checkSize({ width: view.getUint16(3), height: view.getUint16(1) }, MAX_JPEG_PIXELS);
  if (![1, 3, 4].includes(n)) throw invalidPicture(`has ${n} components`, '1, 3 or 4');
  const components = Array.from({ length: n }, (_, i): FrameComponent => {
    const [id = 0, sampling = 0, quantizationIndex = 0] = body.subarray(6 + 3 * i, 9 + 3 * i);
    // What a single component is sampled by changes nothing (A.2.2).
    const [across, down] = n === 1 ? [1, 1] : [sampling >> 4, sampling & 15];
    return { id, across, down, quantizationIndex };
  });
  const isSampled = ({ across, down, quantizationIndex }: FrameComponent) =>
    Math.min(across, down) >= 1 && Math.max(across, down) <= MAX_SAMPLING && quantizationIndex < 4;
  const nBlock = components.reduce((sum, { across, down }) => sum + across * down, 0);
  if (!components.every(isSampled) || nBlock > MAX_UNIT_BLOCKS * 2)
    throw invalidPicture('is damaged: impossible sampling', 'a whole JPEG');
  const maxAcross = Math.max(...components.map(({ across }) => across));
  const maxDown = Math.max(...components.map(({ down }) => down));
  return {
    ...{ ...size, isProgressive, components, maxAcross, maxDown },
    nUnitAcross: Math.ceil(size.width / (8 * maxAcross)),
    nUnitDown: Math.ceil(size.height / (8 * maxDown)),
  };
}

export function readScan(frame: Frame, body: Uint8Array): Scan {
  const n = body[0] ?? 0;
  if (n < 1 || n > frame.components.length || body.length < 4 + 2 * n) throw cutOff();
  const components = Array.from({ length: n }, (_, i): ScanComponent => {
    const [id, tables = 0] = body.subarray(1 + 2 * i, 3 + 2 * i);
    const index = frame.components.findIndex((component) => component.id === id);
    if (index < 0) throw invalidPicture('is damaged: a scan of no component', 'a whole JPEG');
    return { index, dc: (tables >> 4) & 3, ac: tables & 3 };
  });
  if (new Set(components.map(({ index }) => index)).size < n)
    throw invalidPicture('is damaged: a scan has a component twice', 'a whole JPEG');
  const [from = 0, to = 0, bits = 0] = body.subarray(1 + 2 * n, 4 + 2 * n);
  if (!frame.isProgressive) return { components, from: 0, to: 63, highBit: 0, lowBit: 0 };
  const isBand = from === 0 ? to === 0 : n === 1 && from <= to && to <= 63;
  const [highBit, lowBit] = [bits >> 4, bits & 15];
  if (!isBand || lowBit > 13 || (highBit !== 0 && highBit !== lowBit + 1))
    throw invalidPicture('is damaged: an impossible scan', 'a whole JPEG');
  return { components, from, to, highBit, lowBit };
}

export interface HuffmanTables {
  readonly dc: (HuffmanTable | undefined)[];
  readonly ac: (HuffmanTable | undefined)[];
}

/** Tables of a DHT segment, into their places. */
export function readHuffmanTables(body: Uint8Array, tables: HuffmanTables): void {
  for (let at = 0; at < body.length;) {
    const which = body[at]!;
    const counts = body.subarray(at + 1, at + 17);
    const nSymbol = counts.reduce((sum, count) => sum + count, 0);
    const end = at + 17 + nSymbol;
    if (counts.length < 16 || end > body.length || nSymbol > 256) throw cutOff();
    const kind = which >> 4 === 0 ? tables.dc : tables.ac;
    kind[which & 3] = huffmanTable(counts, body.subarray(at + 17, end));
    at = end;
  }
}

/** Tables of a DQT segment in the order of blocks, into their places. */
export function readQuantization(body: Uint8Array, tables: (Uint16Array | undefined)[]): void {
  for (let at = 0; at < body.length;) {
    const which = body[at++]!;
    const nByte = which >> 4 === 0 ? 1 : 2;
    if (at + 64 * nByte > body.length) throw cutOff();
    const table = new Uint16Array(64);
    for (let i = 0; i < 64; i++, at += nByte)
      table[ZIGZAG[i]!] = nByte === 1 ? body[at]! : (body[at]! << 8) | body[at + 1]!;
    tables[which & 3] = table;
  }
}

export function cutOff(): Error {
  return invalidPicture('is cut off or damaged', 'a whole JPEG');
}
