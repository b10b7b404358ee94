/** Rows of embeddings as a model makes them of its own tokens: what must do the same as the ids. */
import { PagePool, Sequence } from '../../engine/cache/pages.ts';
import type { PromptSegment } from '../../engine/generate/prompt.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';

/** The rows the first layer reads for `ids`, [ids.length, nEmbd]; of families without learned positions. */
export function tokenRows(decoder: Decoder, ids: readonly number[]): Float32Array {
  const { nEmbd } = decoder.config;
  const rows = new Float32Array(ids.length * nEmbd);
  const sequence = new Sequence(new PagePool(0));
  for (const [i, id] of ids.entries()) {
    decoder.embed([{ inputs: [id], sequence, slot: 0, logitsFrom: 1, adapter: null }]);
    rows.set(decoder.hidden(1).subarray(0, nEmbd), i * nEmbd);
  }
  return rows;
}

export function rowsSegment(
  decoder: Decoder,
  ids: readonly number[],
  hash = 'picture',
): PromptSegment {
  return { kind: 'rows', rows: tokenRows(decoder, ids), hash };
}
