/** Small zip and tar writers, for archives that tests unpack. */
import { joinBytes } from '../../engine/base/joined.ts';
import { crc32 } from 'node:zlib';

export interface ArchiveEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const encoder = new TextEncoder();

/** A zip of stored entries (APPNOTE 4.3: local headers, central directory, end record). */
export function writeZip(entries: readonly ArchiveEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, bytes } of entries) {
    const nameBytes = encoder.encode(name);
    const common = [
      ...u16(20, 0, 0, 0, 0x21),
      ...u32(crc32(bytes), bytes.byteLength, bytes.byteLength),
      ...u16(nameBytes.byteLength, 0),
    ];
    const local = Uint8Array.from([...u32(0x04034b50), ...common, ...nameBytes]);
    directory.push(
      Uint8Array.from([
        ...u32(0x02014b50),
        ...u16(20),
        ...common,
        ...u16(0, 0, 0),
        ...u32(0, offset),
        ...nameBytes,
      ]),
    );
    parts.push(local, bytes);
    offset += local.byteLength + bytes.byteLength;
  }
  const directoryBytes = directory.reduce((sum, part) => sum + part.byteLength, 0);
  const n = entries.length;
  const end = Uint8Array.from([
    ...u32(0x06054b50),
    ...u16(0, 0, n, n),
    ...u32(directoryBytes, offset),
    ...u16(0),
  ]);
  return joinBytes([...parts, ...directory, end]);
}

/** A tar; names beyond 100 bytes go into a pax header, as npm writes them. */
export function writeTar(entries: readonly ArchiveEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { name, bytes } of entries) {
    if (name.length > 100) {
      const record = paxRecord('path', name);
      parts.push(tarHeader('PaxHeader', record.byteLength, 'x'), padded(record));
    }
    parts.push(tarHeader(name.slice(0, 100), bytes.byteLength, '0'), padded(bytes));
  }
  return joinBytes([...parts, new Uint8Array(1024)]);
}

/** `length key=value\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): Uint8Array {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (length !== rest.length + String(length).length)
    length = rest.length + String(length).length;
  return encoder.encode(`${length}${rest}`);
}

function tarHeader(name: string, bytes: number, type: string): Uint8Array {
  const header = new Uint8Array(512);
  const put = (at: number, text: string) => header.set(encoder.encode(text), at);
  put(0, name);
  put(100, '0000644\0');
  put(124, `${bytes.toString(8).padStart(11, '0')}\0`);
  put(148, '        ');
  put(156, type);
  put(257, 'ustar\x0000');
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return header;
}

function padded(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(bytes.byteLength / 512) * 512);
  out.set(bytes);
  return out;
}

function u16(...values: number[]): number[] {
  return values.flatMap((value) => [value & 255, (value >> 8) & 255]);
}

function u32(...values: number[]): number[] {
  return values.flatMap((value) => [
    value & 255,
    (value >> 8) & 255,
    (value >> 16) & 255,
    value >>> 24,
  ]);
}
