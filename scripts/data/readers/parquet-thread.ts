/**
 * Reads Parquet files in a thread whose memory is bounded: a file of some bytes may state any size, and runs of one
 * value may be as long as it likes. Gives some rows for each message.
 */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import * as zlib from 'node:zlib';
import { parquetMetadataAsync, parquetReadObjects, snappyUncompress } from 'hyparquet';
import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet';

/** Bytes of a row group when it is unpacked, of a page, and of the footer. */
const MAX_GROUP_BYTES = 512 * 2 ** 20;
const MAX_PAGE_BYTES = 256 * 2 ** 20;
const MAX_FOOTER_BYTES = 64 * 2 ** 20;
const MAX_GROUP_ROWS = 4 * 2 ** 20;
/** Rows of a message. */
const BATCH_ROWS = 1000;
const TAIL_BYTES = 8;

export type ParquetMessage =
  | { readonly rows: readonly Record<string, unknown>[]; readonly part: number }
  | { readonly end: true }
  | { readonly refused: string };

class Refused extends Error {}

async function* readRows(file: string): AsyncGenerator<ParquetMessage, void, void> {
  const handle = await open(file);
  try {
    const buffer = await bufferOf(handle);
    const metadata = await checkedMetadata(buffer);
    let first = 0;
    for (const [i, group] of metadata.row_groups.entries()) {
      const nRow = Number(group.num_rows);
      const rows = await parquetReadObjects({
        ...{ file: buffer, metadata, rowStart: first, rowEnd: first + nRow },
        compressors: compressors(),
        utf8: false,
      });
      checkWhole(rows, nRow, `row group ${i + 1}`);
      first += nRow;
      for (let at = 0; at < rows.length; at += BATCH_ROWS)
        yield {
          rows: rows.slice(at, at + BATCH_ROWS).map(jsonRow),
          part: first / Math.max(1, Number(metadata.num_rows)),
        };
    }
  } finally {
    await handle.close();
  }
  yield { end: true };
}

/** Rows that are not there come out without a value in any column. */
function checkWhole(rows: readonly Record<string, unknown>[], nRow: number, where: string): void {
  const last = rows.at(-1);
  const isHollow = last !== undefined && Object.values(last).every((value) => value === undefined);
  if (rows.length !== nRow || isHollow)
    throw new Refused(`${where} has fewer rows than the ${nRow} that its footer states`);
}

async function bufferOf(handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  return {
    byteLength: size,
    async slice(start: number, end: number = size): Promise<ArrayBuffer> {
      if (!(start >= 0 && end >= start && end <= size))
        throw new Refused(`names bytes ${start} to ${end} of ${size}`);
      const bytes = new Uint8Array(end - start);
      await handle.read(bytes, 0, bytes.length, start);
      return bytes.buffer;
    },
  };
}

/** The footer, whose sizes fit the file and the bounds. */
async function checkedMetadata(buffer: AsyncBuffer): Promise<FileMetaData> {
  const size = buffer.byteLength;
  if (size < 2 * TAIL_BYTES) throw new Refused(`has ${size} bytes`);
  const tail = new DataView(await buffer.slice(size - TAIL_BYTES, size));
  const nFooter = tail.getUint32(0, true);
  if (tail.getUint32(4, false) !== 0x50415231) throw new Refused('does not end with PAR1');
  if (nFooter > Math.min(MAX_FOOTER_BYTES, size - TAIL_BYTES))
    throw new Refused(`states a footer of ${nFooter} bytes`);
  const metadata = await parquetMetadataAsync(buffer);
  let nRow = 0n;
  for (const [i, group] of metadata.row_groups.entries()) {
    const where = `row group ${i + 1}`;
    nRow += group.num_rows;
    if (group.num_rows < 0n || group.num_rows > BigInt(MAX_GROUP_ROWS))
      throw new Refused(
        `${where} states ${group.num_rows} rows; expected at most ${MAX_GROUP_ROWS}`,
      );
    let nByte = 0n;
    for (const { meta_data: column } of group.columns) {
      if (column === undefined) throw new Refused(`${where} has a column without metadata`);
      nByte += column.total_uncompressed_size;
      const begin = column.dictionary_page_offset ?? column.data_page_offset;
      if (begin + column.total_compressed_size > BigInt(size))
        throw new Refused(`${where} names bytes after the file's end`);
      // Columns of plain values have one a row.
      if (column.path_in_schema.length === 1 && column.num_values !== group.num_rows)
        throw new Refused(
          `${where} states ${column.num_values} values in a column of ${group.num_rows} rows`,
        );
      if (column.num_values > BigInt(64 * MAX_GROUP_ROWS))
        throw new Refused(`${where} states ${column.num_values} values in a column`);
    }
    if (nByte > BigInt(MAX_GROUP_BYTES))
      throw new Refused(
        `${where} unpacks to ${nByte} bytes; expected at most ${MAX_GROUP_BYTES}. Write it with smaller row groups`,
      );
  }
  if (nRow !== metadata.num_rows)
    throw new Refused(`states ${metadata.num_rows} rows; its row groups have ${nRow}`);
  return metadata;
}

/** Each unpacks at most what the page states, and a page states at most MAX_PAGE_BYTES. */
function compressors(): Compressors {
  let total = 0;
  const bounded =
    (unpack: (bytes: Uint8Array, nByte: number) => Uint8Array) =>
    (bytes: Uint8Array, nByte: number): Uint8Array => {
      total += nByte;
      if (!(nByte >= 0 && nByte <= MAX_PAGE_BYTES && total <= MAX_GROUP_BYTES))
        throw new Refused(`a page states ${nByte} bytes; expected at most ${MAX_PAGE_BYTES}`);
      return unpack(bytes, nByte);
    };
  return {
    SNAPPY: bounded((bytes, nByte) => {
      const out = new Uint8Array(nByte);
      snappyUncompress(bytes, out);
      return out;
    }),
    GZIP: bounded((bytes, maxOutputLength) => zlib.gunzipSync(bytes, { maxOutputLength })),
    BROTLI: bounded((bytes, maxOutputLength) =>
      zlib.brotliDecompressSync(bytes, { maxOutputLength }),
    ),
    ZSTD: bounded((bytes, maxOutputLength) => {
      // Node 22.15 is the first that has it.
      if (!('zstdDecompressSync' in zlib))
        throw new Refused('is packed with Zstandard, which this version of Node cannot unpack');
      return zlib.zstdDecompressSync(bytes, { maxOutputLength });
    }),
  };
}

/** Values as JSON has them; bytes, such as pictures inside a table, are left out. */
function jsonRow(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).flatMap(([name, value]) => {
      const json = jsonValue(value);
      return json === undefined ? [] : [[name, json]];
    }),
  );
}

function jsonValue(value: unknown): unknown {
  if (typeof value === 'bigint')
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return undefined;
  if (Array.isArray(value)) return value.map((inner) => jsonValue(inner) ?? null);
  if (typeof value === 'object' && value !== null) return jsonRow(value as Record<string, unknown>);
  return value;
}

const port = parentPort;
if (port !== null) {
  const rows = readRows((workerData as { readonly file: string }).file);
  const answer = async (): Promise<void> => {
    try {
      const { value, done } = await rows.next();
      port.postMessage(done === true ? { end: true } : value);
    } catch (error) {
      const what = error instanceof Error ? error.message.slice(0, 300) : String(error);
      const refused = error instanceof Refused ? what : `cannot be read (${what})`;
      port.postMessage({ refused } satisfies ParquetMessage);
    }
  };
  port.on('message', () => void answer());
}
