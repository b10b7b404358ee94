/** Reads a batch's input a slice at a time; errors of the input as a whole. */
import { invalidField } from '../../platform/invalid-field.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { type FileLine, readLines } from '../files/line-reader.ts';
import { openFile } from '../files/stored-file.ts';
import type { FileStore, Owner } from '../files/stored-file.ts';
import { MAX_LINE_BYTES } from './batch-line.ts';
import type { BatchState } from './batch-state.ts';

export const MAX_BATCH_LINES = 50_000;
/** Bytes of the input held at a time; at most one line more. */
const SLICE_BYTES = 4 * 1024 * 1024;

export interface Slice {
  readonly lines: readonly FileLine[];
  readonly isEnd: boolean;
}

/** Counts lines that are not blank, up to just above the limit; null without the file. */
export async function countLines(
  store: FileStore,
  owner: Owner,
  fileId: string,
  signal: AbortSignal | undefined,
): Promise<number | null> {
  const stream = await openFile(store, owner, fileId);
  if (stream === null) return null;
  let nLine = 0;
  for await (const _line of readLines(stream, { offset: 0, number: 1 }, MAX_LINE_BYTES))
    if (++nLine > MAX_BATCH_LINES || signal?.aborted === true) break;
  return nLine;
}

/** Lines from the cursor on; null when the file is missing. */
export async function readSlice(
  store: FileStore,
  { batch, caller, cursor }: BatchState,
  limit: number,
): Promise<Slice | null> {
  const stream = await openFile(store, caller, batch.input_file_id, cursor.offset);
  if (stream === null) return null;
  const lines: FileLine[] = [];
  for await (const line of readLines(stream, cursor, MAX_LINE_BYTES)) {
    lines.push(line);
    const nByte = line.endOffset - cursor.offset;
    if (lines.length === limit || nByte >= SLICE_BYTES) return { lines, isEnd: false };
  }
  return { lines, isEnd: true };
}

export function fileGone(id: string): EngineError {
  const message = `input_file_id: ${id} was deleted before the batch was done. Upload it again.`;
  return new EngineError('E_NOT_FOUND', message, { param: 'input_file_id' });
}

export function noLines(): EngineError {
  return invalidField('input_file_id', 'expected requests, got a file of blank lines');
}

export function tooManyLines(): EngineError {
  return invalidField(
    'input_file_id',
    `expected at most ${MAX_BATCH_LINES} lines, got more. Split the file`,
  );
}
