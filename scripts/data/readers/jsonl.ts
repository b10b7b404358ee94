/** JSON Lines: an object on each line. */
import type { DataRow, Fields } from '../row.ts';
import { decodeUtf8, MAX_ROW_BYTES, readPieces } from './pieces.ts';
import { rowOf } from './reader.ts';
import type { Reader, ReaderContext } from './reader.ts';

/** Objects within objects: what is written again must not overflow a stack. */
const MAX_DEPTH = 64;

export const JSONL_READER: Reader = { name: 'jsonl', endings: ['jsonl', 'ndjson'], read };

async function* read(file: string, context: ReaderContext): AsyncGenerator<DataRow, void, void> {
  for await (const { bytes, line } of readPieces(file, '\n', context)) {
    const fields = fieldsOf(bytes, file, line, context);
    if (fields === null) continue;
    const row = rowOf(fields, file, line, context);
    if (row !== null) yield row;
  }
}

/** Null for an empty line, and for one that is refused. */
function fieldsOf(
  bytes: Uint8Array | null,
  file: string,
  line: number,
  { problems }: ReaderContext,
): Fields | null {
  const refuse = (problem: string, value: unknown, fix: string): null => {
    problems.add({ file, line, field: null, value, problem, fix });
    return null;
  };
  if (bytes === null)
    return refuse(
      `is longer than ${MAX_ROW_BYTES} bytes`,
      undefined,
      'Put each object on a line of its own.',
    );
  const decoded = decodeUtf8(bytes);
  if (!('text' in decoded)) return refuse('is not UTF-8', decoded.value, decoded.fix);
  const text = decoded.text.trim();
  if (text === '') return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('is not JSON', text, 'Write one JSON object a line.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refuse('is not an object', value, 'Write one JSON object a line.');
  if (isDeeperThan(value, MAX_DEPTH))
    return refuse(
      `is nested more than ${MAX_DEPTH} levels deep`,
      undefined,
      'Take the outer levels away.',
    );
  return value as Fields;
}

function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((inner) => isDeeperThan(inner, depth - 1));
}
