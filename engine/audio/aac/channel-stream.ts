/** One channel of a frame, as it is written (ISO/IEC 14496-3, 4.4.2.7): read, and made into coefficients. */
import { RATE_TABLES } from './bands.ts';
import { FRAME_SAMPLES, NOISE_BOOK, SEQUENCES } from './channel.ts';
import type { Band, ChannelStream, WindowInfo } from './channel.ts';
import { DamagedFrame } from './frame-bits.ts';
import type { FrameBits } from './frame-bits.ts';
import { readScaleFactorStep, readSpectrum } from './huffman.ts';
import { readShaping } from './noise-shaping.ts';

const SHORT_SAMPLES = 128;
const RESERVED_BOOK = 12;

/** What `scalefactor` counts from: a factor of 1. */
const UNIT_FACTOR = 100;
const MAX_FACTOR = 255;
/** `global_gain` of noise begins lower, and its first value has nine bits of its own. */
const NOISE_OFFSET = 90;
const NOISE_BITS = 9;
const NOISE_MIDDLE = 256;

/** @throws {DamagedFrame} for a window that is impossible */
export function readWindowInfo(bits: FrameBits, rateIndex: number): WindowInfo {
  const { long, short } = RATE_TABLES[rateIndex]!;
  if (bits.bit() === 1) throw new DamagedFrame('a reserved bit');
  const sequence = SEQUENCES[bits.read(2)]!;
  const shape = bits.bit();
  const isShort = sequence === 'short';
  const nBand = bits.read(isShort ? 4 : 6);
  const bounds = isShort ? short : long;
  if (nBand >= bounds.length) throw new DamagedFrame(`${nBand} bands`);
  const groups = isShort ? readGroups(bits) : [1];
  if (!isShort && bits.bit() === 1) throw new DamagedFrame('prediction, which AAC-LC has not');
  const windowSamples = isShort ? SHORT_SAMPLES : FRAME_SAMPLES;
  return { sequence, shape, nBand, groups, windowSamples, bounds };
}

/** A set bit: the next window shares the scale factors of the one before. */
function readGroups(bits: FrameBits): number[] {
  const groups = [1];
  for (let window = 1; window < 8; window++)
    if (bits.bit() === 1) groups[groups.length - 1]! += 1;
    else groups.push(1);
  return groups;
}

/**
 * @param shared the window of both channels of a pair, read before
 * @throws {DamagedFrame} for what AAC-LC cannot contain
 */
export function readChannel(
  bits: FrameBits,
  rateIndex: number,
  shared: WindowInfo | null,
): ChannelStream {
  const gain = bits.read(8);
  const info = shared ?? readWindowInfo(bits, rateIndex);
  const bands = readBands(bits, info, gain);
  const pulses = bits.bit() === 1 ? readPulses(bits, info) : [];
  const shaping = bits.bit() === 1 ? readShaping(bits, info) : [];
  if (bits.bit() === 1) throw new DamagedFrame('gain control, which AAC-LC has not');
  const spectrum = new Float64Array(FRAME_SAMPLES);
  readCoefficients(bits, bands, spectrum);
  for (const { at, size } of pulses) spectrum[at]! += spectrum[at]! < 0 ? -size : size;
  dequantize(bands, spectrum);
  return { info, bands, shaping, spectrum };
}

function readBands(bits: FrameBits, info: WindowInfo, gain: number): Band[] {
  const books = info.groups.map(() => readBooks(bits, info));
  const last = { factor: gain, intensity: 0, noise: gain - NOISE_OFFSET };
  let isFirstNoise = true;
  const readFactor = (book: number): number => {
    if (book === 0) return 0;
    if (book === NOISE_BOOK) {
      last.noise += isFirstNoise ? bits.read(NOISE_BITS) - NOISE_MIDDLE : readScaleFactorStep(bits);
      isFirstNoise = false;
      return last.noise;
    }
    if (book > NOISE_BOOK) return (last.intensity += readScaleFactorStep(bits));
    last.factor += readScaleFactorStep(bits);
    if (last.factor < 0 || last.factor > MAX_FACTOR) throw new DamagedFrame('a scale factor');
    return last.factor;
  };
  const bands: Band[] = [];
  let window = 0;
  for (const [group, nWindow] of info.groups.entries()) {
    const first = window;
    for (const [index, book] of books[group]!.entries()) {
      const start = info.bounds[index]!;
      bands.push({
        ...{ group, index, book, factor: readFactor(book) },
        starts: Array.from({ length: nWindow }, (_, i) => (first + i) * info.windowSamples + start),
        width: info.bounds[index + 1]! - start,
      });
    }
    window += nWindow;
  }
  return bands;
}

/** Sections of bands that share a book (4.4.2.7, section_data). */
function readBooks(bits: FrameBits, { sequence, nBand }: WindowInfo): number[] {
  const lengthBits = sequence === 'short' ? 3 : 5;
  const escape = 2 ** lengthBits - 1;
  const books: number[] = [];
  while (books.length < nBand) {
    const book = bits.read(4);
    if (book === RESERVED_BOOK) throw new DamagedFrame('book 12');
    let length = 0;
    let part: number;
    do length += part = bits.read(lengthBits);
    while (part === escape);
    if (books.length + length > nBand) throw new DamagedFrame('a section of too many bands');
    for (let i = 0; i < length; i++) books.push(book);
  }
  return books;
}

function readPulses(bits: FrameBits, info: WindowInfo): { at: number; size: number }[] {
  if (info.sequence === 'short') throw new DamagedFrame('pulses in short windows');
  const nPulse = bits.read(2) + 1;
  const band = bits.read(6);
  if (band >= info.bounds.length - 1) throw new DamagedFrame('a pulse beyond the bands');
  let at = info.bounds[band]!;
  return Array.from({ length: nPulse }, () => {
    at += bits.read(5);
    if (at >= FRAME_SAMPLES) throw new DamagedFrame('a pulse beyond the spectrum');
    return { at, size: bits.read(4) };
  });
}

function readCoefficients(bits: FrameBits, bands: readonly Band[], spectrum: Float64Array): void {
  for (const { book, starts, width } of bands)
    if (book > 0 && book < RESERVED_BOOK)
      for (const start of starts) readSpectrum(bits, book, spectrum, start, start + width);
}

function dequantize(bands: readonly Band[], spectrum: Float64Array): void {
  for (const { book, factor, starts, width } of bands) {
    if (book === 0 || book > RESERVED_BOOK) continue;
    const scale = 2 ** ((factor - UNIT_FACTOR) / 4);
    for (const start of starts)
      for (let i = start; i < start + width; i++) {
        const value = spectrum[i]!;
        spectrum[i] = scale * value * Math.cbrt(Math.abs(value));
      }
  }
}
