/** Writes small safetensors files for tests, right ones and wrong ones. */
import { ByteWriter } from './byte-writer.ts';

export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** @param metadata texts of `__metadata__` */
export function writeSafetensors(
  entries: readonly SafetensorsEntry[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Uint8Array {
  let at = 0;
  const rows = entries.map(({ name, dtype, shape, data }) => {
    const row = { dtype, shape, data_offsets: [at, at + data.byteLength] };
    at += data.byteLength;
    return [name, row] as const;
  });
  const header = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(rows) });
  const data = new ByteWriter();
  for (const entry of entries) data.raw(entry.data);
  return writeRawSafetensors(header, data.done());
}

/** Any header text before any data. */
export function writeRawSafetensors(
  header: string,
  data: Uint8Array,
  claimed?: bigint,
): Uint8Array {
  const text = new TextEncoder().encode(header);
  return new ByteWriter()
    .u64(claimed ?? text.byteLength)
    .raw(text)
    .raw(data)
    .done();
}
