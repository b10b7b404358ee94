/** Asks a stage for values of texts, a few texts per call: a client that leaves costs at most the current call. */
import { throwIfLeft } from '../../platform/client.ts';
import type { Client } from '../../platform/client.ts';

/** Tokens per call: some ten passes, about a second. */
const CALL_TOKENS = 4096;

/**
 * `nValue` values per text, in the order of the texts.
 * @param texts token ids, special tokens included
 * @param ask gives [part.length, nValue], row-major
 * @throws {EngineError} E_ABORTED; errors of `ask`
 */
export async function inCalls(
  texts: readonly (readonly number[])[],
  nValue: number,
  { signal, accept }: Client,
  ask: (part: readonly (readonly number[])[]) => Promise<Float32Array>,
): Promise<Float32Array[]> {
  const rows: Float32Array[] = new Array<Float32Array>(texts.length);
  // Sorted by length, so that texts of similar length share passes.
  const order = texts.map((_, i) => i).sort((a, b) => texts[a]!.length - texts[b]!.length);
  for (const call of calls(order, texts)) {
    throwIfLeft(signal);
    const flat = await ask(call.map((i) => texts[i]!));
    // A stage refuses the first call, or none.
    accept?.();
    for (const [k, i] of call.entries()) rows[i] = flat.slice(k * nValue, (k + 1) * nValue);
  }
  return rows;
}

function calls(order: readonly number[], texts: readonly (readonly number[])[]): number[][] {
  const made: number[][] = [];
  let left = 0;
  for (const i of order) {
    if (left < texts[i]!.length) {
      made.push([]);
      left = CALL_TOKENS;
    }
    made.at(-1).push(i);
    left -= texts[i]!.length;
  }
  return made;
}
