/** Access units of a track in movie fragments (ISO/IEC 14496-12, 8.8). */
import { boxesOf, findBox, invalidMp4, uint32At } from './mp4-boxes.ts';
import type { Box } from './mp4-boxes.ts';

/** Bits of `tfhd` and `trun` that say which fields follow. */
const BASE_OFFSET = 0x1;
const DESCRIPTION = 0x2;
const DEFAULT_DURATION = 0x8;
const DEFAULT_SIZE = 0x10;
const DATA_OFFSET = 0x1;
const FIRST_FLAGS = 0x4;
const DURATION = 0x100;
const SIZE = 0x200;
const FLAGS = 0x400;
const TIME_OFFSET = 0x800;

/** Where a run of units begins, and how long they are. */
interface Run {
  readonly box: Uint8Array;
  readonly base: number;
  readonly defaultSize: number;
}

/**
 * @param extended the `mvex` box
 * @returns units in order; null for one that lies beyond the file
 * @throws {EngineError} E_AUDIO_INVALID for units that overlap
 */
export function* fragmentUnits(
  file: Uint8Array,
  trackId: number,
  extended: Uint8Array,
): Generator<Uint8Array | null, void, void> {
  const fallbackSize = defaultSizeOf(extended, trackId);
  let nByte = 0;
  for (const fragment of boxesOf(file)) {
    if (fragment.type !== 'moof') continue;
    for (const run of runsOf(fragment, trackId, fallbackSize)) {
      let at = 0;
      for (const { start, size } of unitsOf(run)) {
        at = start ?? at;
        nByte += size;
        if (nByte > file.length) throw invalidMp4('more bytes of sound than the file has');
        yield at >= 0 && at + size <= file.length ? file.subarray(at, at + size) : null;
        at += size;
      }
    }
  }
}

function defaultSizeOf(extended: Uint8Array, trackId: number): number {
  for (const { type, data } of boxesOf(extended))
    if (type === 'trex' && uint32At(data, 4) === trackId) return uint32At(data, 16);
  return 0;
}

function* runsOf(fragment: Box, trackId: number, fallbackSize: number): Generator<Run> {
  for (const { type, data } of boxesOf(fragment.data)) {
    const header = type === 'traf' ? findBox(data, 'tfhd') : null;
    if (header === null || uint32At(header, 4) !== trackId) continue;
    const flags = uint32At(header, 0);
    let at = 8;
    let base = fragment.at;
    if ((flags & BASE_OFFSET) !== 0) {
      base = uint32At(header, at) * 2 ** 32 + uint32At(header, at + 4);
      at += 8;
    }
    at += 4 * countOf(flags, [DESCRIPTION, DEFAULT_DURATION]);
    const defaultSize = (flags & DEFAULT_SIZE) === 0 ? fallbackSize : uint32At(header, at);
    for (const box of boxesOf(data))
      if (box.type === 'trun') yield { box: box.data, base, defaultSize };
  }
}

/** Only the first unit has a start; each of the others follows the one before. */
function* unitsOf({ box, base, defaultSize }: Run): Generator<{ start?: number; size: number }> {
  const flags = uint32At(box, 0);
  const hasSizes = (flags & SIZE) !== 0;
  const rowBytes = 4 * countOf(flags, [DURATION, SIZE, FLAGS, TIME_OFFSET]);
  const sizeAt = (flags & DURATION) === 0 ? 0 : 4;
  const offset = (flags & DATA_OFFSET) === 0 ? 0 : uint32At(box, 8) | 0;
  let at = 8 + 4 * countOf(flags, [DATA_OFFSET, FIRST_FLAGS]);
  const room = rowBytes === 0 ? Infinity : Math.max(0, Math.floor((box.length - at) / rowBytes));
  const count = Math.min(uint32At(box, 4), room);
  for (let i = 0; i < count; i++, at += rowBytes) {
    const size = hasSizes ? uint32At(box, at + sizeAt) : defaultSize;
    // Nothing but a count would be read for ever.
    if (size === 0 && rowBytes === 0) return;
    yield i === 0 ? { start: base + offset, size } : { size };
  }
}

function countOf(flags: number, bits: readonly number[]): number {
  return bits.filter((bit) => (flags & bit) !== 0).length;
}
