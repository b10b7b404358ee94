/** Parquet files of a column of texts, whose sizes can be made to lie. */
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';

type Codec = 'SNAPPY' | 'GZIP' | 'UNCOMPRESSED';
type Compress = (bytes: Uint8Array) => Uint8Array;

export interface ParquetLies {
  readonly codec?: Codec;
  /** In the place of the codec's own. */
  readonly compress?: Compress;
  /** What the first page says it unpacks to. */
  readonly pageBytes?: number;
  /** Changes the footer before it is written. */
  readonly footer?: (writer: ParquetWriter) => void;
  readonly rowGroupSize?: number;
}

const TEXTS = {
  name: 'text',
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  repetition_type: 'REQUIRED',
} as const;

export function parquetFile(texts: readonly string[], lies: ParquetLies = {}): Uint8Array {
  const { codec = 'SNAPPY', compress, pageBytes, footer, rowGroupSize = 1000 } = lies;
  const bytes = new ByteWriter();
  const parquet = new ParquetWriter({
    writer: bytes,
    schema: [{ name: 'root', num_children: 1 }, TEXTS],
    codec,
    ...(compress === undefined ? {} : { compressors: { [codec]: compress } }),
  });
  void parquet.write({ columnData: [{ name: 'text', data: [...texts] }], rowGroupSize });
  if (pageBytes !== undefined) lieAboutPage(parquet, bytes, pageBytes);
  footer?.(parquet);
  void parquet.finish();
  return bytes.getBytes().slice();
}

/** A page header begins with its type and the size of the page unpacked, both as zigzag varints after a byte 0x15. */
function lieAboutPage(parquet: ParquetWriter, writer: ByteWriter, pageBytes: number): void {
  const column = parquet.row_groups[0]!.columns[0]!.meta_data!;
  const at = Number(column.dictionary_page_offset ?? column.data_page_offset);
  const bytes = writer.getBytes().slice();
  let end = at + 3;
  while (bytes[end]! >= 0x80) end++;
  const lie = varint(2 * pageBytes);
  const grown = lie.length - (end + 1 - (at + 3));
  writer.index = writer.offset = 0;
  writer.appendBytes(
    Uint8Array.from([...bytes.subarray(0, at + 3), ...lie, ...bytes.subarray(end + 1)]),
  );
  column.total_compressed_size += BigInt(grown);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}
