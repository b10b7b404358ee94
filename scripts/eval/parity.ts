/** Teacher-forced comparison of our engine with the native reference on the same texts. */
import type { Engine } from '../../engine/generate/engine.ts';
import type { NativeModel } from './llama-cpp.ts';
import { addPosition, emptyTotals, reportOf } from './statistics.ts';
import type { ParityReport, TopDistribution } from './statistics.ts';

/** So many tokens hold all but about a thousandth of the probability on ordinary text. */
const TOP_TOKENS = 2048;

/** Compares several engines at once: the reference is by far the slowest to ask. */
export async function compareEngines(
  engines: readonly Engine[],
  reference: NativeModel,
  texts: readonly (readonly number[])[],
  onText?: (done: number) => void,
): Promise<ParityReport[]> {
  const totals = engines.map(emptyTotals);
  for (const [i, tokens] of texts.entries()) {
    const expected: TopDistribution[] = [];
    await reference.evaluateTop(tokens, TOP_TOKENS, (_, top) => expected.push(top));
    for (const [e, engine] of engines.entries()) {
      await engine.evaluate(tokens, (position, logits) =>
        addPosition(totals[e]!, expected[position]!, logits, tokens[position + 1]),
      );
    }
    onText?.(i + 1);
  }
  return totals.map((total) => reportOf(total, texts.length));
}
