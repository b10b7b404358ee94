/** Access units of a track by the tables of its sample table box (ISO/IEC 14496-12, 8.7). */
import { findBox, invalidMp4, uint32At, viewOf } from './mp4-boxes.ts';

/** A table of rows after a full box's four bytes and its own count. */
interface Table {
  readonly view: DataView;
  readonly count: number;
}

/**
 * @returns units in order; null for one that lies beyond the file
 * @throws {EngineError} E_AUDIO_INVALID for tables that are missing, or units that overlap
 */
export function* tableUnits(
  file: Uint8Array,
  tables: Uint8Array,
): Generator<Uint8Array | null, void, void> {
  const sizes = sizesOf(tables);
  const offsets = offsetsOf(tables);
  const runs = tableOf(tables, 'stsc', 4, 12);
  let unit = 0;
  let nByte = 0;
  let run = 0;
  for (let chunk = 0; chunk < offsets.count && unit < sizes.count; chunk++) {
    // Rows name the first chunk that they hold for, counted from 1.
    while (run + 1 < runs.count && runs.view.getUint32(4 + 4 + 12 * (run + 1)) <= chunk + 1) run++;
    const nUnit = runs.count === 0 ? 1 : runs.view.getUint32(4 + 4 + 12 * run + 4);
    let at = offsets.of(chunk);
    for (let i = 0; i < nUnit && unit < sizes.count; i++, unit++) {
      const size = sizes.of(unit);
      nByte += size;
      if (nByte > file.length) throw invalidMp4('more bytes of sound than the file has');
      yield at + size <= file.length ? file.subarray(at, at + size) : null;
      at += size;
    }
  }
}

function sizesOf(tables: Uint8Array): { count: number; of: (unit: number) => number } {
  const box = findBox(tables, 'stsz');
  if (box === null) throw invalidMp4('no sizes of its samples');
  const size = uint32At(box, 4);
  const stated = uint32At(box, 8);
  if (size > 0) return { count: stated, of: () => size };
  const view = viewOf(box);
  return {
    count: Math.min(stated, Math.max(0, Math.floor((box.length - 12) / 4))),
    of: (unit) => view.getUint32(12 + 4 * unit),
  };
}

function offsetsOf(tables: Uint8Array): { count: number; of: (chunk: number) => number } {
  if (findBox(tables, 'stco') !== null) {
    const { view, count } = tableOf(tables, 'stco', 4, 4);
    return { count, of: (chunk) => view.getUint32(8 + 4 * chunk) };
  }
  const { view, count } = tableOf(tables, 'co64', 4, 8);
  return { count, of: (chunk) => Number(view.getBigUint64(8 + 8 * chunk)) };
}

/** No more rows than the box has room for. */
function tableOf(tables: Uint8Array, type: string, countAt: number, rowBytes: number): Table {
  const box = findBox(tables, type);
  if (box === null) throw invalidMp4(`no table ${type}`);
  const room = Math.max(0, Math.floor((box.length - countAt - 4) / rowBytes));
  return { view: viewOf(box), count: Math.min(uint32At(box, countAt), room) };
}
