/** Perplexity of a token sequence, window by window. */
import { EngineError } from '../../engine/base/errors.ts';
import type { Engine } from '../../engine/generate/engine.ts';
import { logSumExp } from './statistics.ts';

export interface PerplexityResult {
  perplexity: number;
  meanNllNats: number;
  nPredicted: number;
  nWindows: number;
  tokensPerSecond: number;
}

/** Every window starts from an empty context (with `bosId` in front, if any); its first token is not scored. */
export async function measurePerplexity(
  engine: Engine,
  tokens: readonly number[],
  window: number,
  bosId: number | null,
  onProgress?: (done: number) => void,
): Promise<PerplexityResult> {
  if (tokens.length < 2) {
    throw new EngineError(
      'E_USAGE',
      `eval: the text has ${tokens.length} tokens; expected at least 2`,
    );
  }
  const prefix = bosId === null ? [] : [bosId];
  const step = window - prefix.length;
  let nll = 0;
  let nPredicted = 0;
  let nWindows = 0;
  const startedAt = performance.now();
  for (let start = 0; start < tokens.length; start += step) {
    const part = [...prefix, ...tokens.slice(start, start + step)];
    if (part.length < 2) break;
    await engine.evaluate(part, (position, logits) => {
      const next = part[position + 1];
      if (next === undefined) return;
      nll += logSumExp(logits) - logits[next]!;
      nPredicted++;
    });
    nWindows++;
    onProgress?.(Math.min(tokens.length, start + step));
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const meanNllNats = nll / nPredicted;
  return {
    perplexity: Math.exp(meanNllNats),
    meanNllNats,
    nPredicted,
    nWindows,
    tokensPerSecond: nPredicted / seconds,
  };
}
