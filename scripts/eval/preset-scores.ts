/**
 * How presets of one model compare with the file's own precision: every position of the same text,
 * teacher-forced. The reference's logits are kept in a file meanwhile: two thousand positions of a large
 * vocabulary exceed the memory of a small machine.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { EngineError } from '../../engine/base/errors.ts';
import { tokenPrompt } from '../../engine/generate/prompt.ts';
import type { Engine } from '../../engine/generate/engine.ts';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import { argmax, klDivergence, logSumExp } from './statistics.ts';

export interface TextScore {
  readonly perplexity: number;
  /** KL(reference || ours) a position, in nats. */
  readonly meanKlNats: number;
  /** Share of positions whose likeliest token is the reference's. */
  readonly top1Agreement: number;
  readonly nTokens: number;
}
export interface ScoreOptions {
  readonly signal: AbortSignal;
  readonly onWindow?: (done: number) => void;
}

/** Rows of f32 logits in a file: written in order, then read in the same order. */
export class LogitsFile implements Disposable {
  readonly #file: number;
  #at = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w+');
  }

  rewind(): void {
    this.#at = 0;
  }

  write(logits: Float32Array): void {
    this.#at += writeSync(this.#file, logits, 0, logits.byteLength, this.#at);
  }

  read(into: Float32Array): void {
    const bytes = readSync(this.#file, into, 0, into.byteLength, this.#at);
    if (bytes !== into.byteLength)
      throw new EngineError('E_INTERNAL', `logits file: ${bytes} of ${into.byteLength} bytes.`);
    this.#at += bytes;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** Perplexity alone: e to the mean negative log-probability of each token after a window's first. */
export async function scoreReference(
  engine: Engine,
  windows: readonly (readonly number[])[],
  options: ScoreOptions,
  into?: LogitsFile,
): Promise<TextScore> {
  into?.rewind();
  const total = await addUp(engine, windows, options, (logits) => {
    into?.write(logits);
    return { kl: 0, isSame: true };
  });
  return total;
}

/** The same against logits that `scoreReference` has written for the same windows. */
export async function scoreAgainst(
  engine: Engine,
  windows: readonly (readonly number[])[],
  options: ScoreOptions,
  reference: LogitsFile,
): Promise<TextScore> {
  reference.rewind();
  let expected = new Float32Array(0);
  return addUp(engine, windows, options, (logits) => {
    if (expected.length === 0) expected = new Float32Array(logits.length);
    reference.read(expected);
    return { kl: klDivergence(expected, logits), isSame: argmax(expected) === argmax(logits) };
  });
}

async function addUp(
  engine: Engine,
  windows: readonly (readonly number[])[],
  { signal, onWindow }: ScoreOptions,
  compare: (logits: Float32Array) => { kl: number; isSame: boolean },
): Promise<TextScore> {
  let nll = 0;
  let nPredicted = 0;
  let klSum = 0;
  let nSame = 0;
  let nTokens = 0;
  for (const [i, tokens] of windows.entries()) {
    await engine.evaluate(
      tokens,
      (position, logits) => {
        const { kl, isSame } = compare(logits);
        klSum += kl;
        nSame += isSame ? 1 : 0;
        nTokens++;
        const next = tokens[position + 1];
        if (next === undefined) return;
        nll += logSumExp(logits) - logits[next]!;
        nPredicted++;
      },
      signal,
    );
    onWindow?.(i + 1);
  }
  return {
    perplexity: Math.exp(nll / nPredicted),
    meanKlNats: klSum / nTokens,
    top1Agreement: nSame / nTokens,
    nTokens,
  };
}

const SPEED_TOKENS = 48;
/** Time to spend on runs: a model that takes a millisecond is timed more often. */
const SPEED_MS = 600;
const SPEED_RUNS = 3;

/** Tokens a second of one greedy stream after a short prompt: the median of three runs or more. */
export async function decodeSpeed(
  engine: Engine,
  promptTokens: readonly number[],
  signal: AbortSignal,
): Promise<number> {
  const speeds: number[] = [];
  const startedAt = performance.now();
  while (speeds.length < SPEED_RUNS || performance.now() - startedAt < SPEED_MS) {
    const request = {
      prompt: tokenPrompt(promptTokens),
      maxTokens: Math.min(SPEED_TOKENS, engine.nCtx - promptTokens.length),
      sampling: { ...DEFAULT_SAMPLING, temperature: 0 },
      stopTokens: [],
      topLogprobs: null,
      promptLogprobs: false,
    };
    let nTokens = 0;
    let firstAt = 0;
    for await (const event of engine.generate(request, signal)) {
      if (event.type !== 'token') continue;
      if (nTokens++ === 0) firstAt = performance.now();
    }
    speeds.push(((nTokens - 1) * 1000) / (performance.now() - firstAt));
  }
  return speeds.sort((a, b) => a - b)[speeds.length >> 1]!;
}
