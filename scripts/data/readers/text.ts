/** Plain text: documents with a separator between them. */
import type { DataRow } from '../row.ts';
import { decodeUtf8, MAX_ROW_BYTES, readPieces } from './pieces.ts';
import { rowOf } from './reader.ts';
import type { ReaderContext, Reader } from './reader.ts';

export const TEXT_READER: Reader = { name: 'text', endings: ['txt', 'text', 'md'], read };

async function* read(file: string, context: ReaderContext): AsyncGenerator<DataRow, void, void> {
  for await (const { bytes, line } of readPieces(file, context.separator, context)) {
    if (bytes === null) {
      context.problems.add({
        ...{ file, line, field: null, value: undefined },
        problem: `is longer than ${MAX_ROW_BYTES} bytes`,
        fix: `Put ${JSON.stringify(context.separator)} between its texts, or name what is there with --separator.`,
      });
      continue;
    }
    const decoded = decodeUtf8(bytes);
    if (!('text' in decoded)) {
      context.problems.add({
        ...{ file, line, field: 'text', problem: 'is not UTF-8' },
        ...{ value: decoded.value, fix: decoded.fix },
      });
      continue;
    }
    const text = decoded.text.trim();
    if (text === '') continue;
    // The line of its first word, not of the separator before it.
    const before = decoded.text.slice(0, decoded.text.indexOf(text[0]!));
    const row = rowOf({ text }, file, line + (before.match(/\n/g)?.length ?? 0), {
      ...context,
      field: null,
    });
    if (row !== null) yield row;
  }
}
