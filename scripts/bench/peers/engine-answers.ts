/** The questions about speed, answered by our engine in this process: a Node process or a page. */
import type { Engine } from '../../../engine/generate/engine.ts';
import { DEFAULT_SAMPLING } from '../../../engine/sample/params.ts';
import { tokenPrompt } from '../../../engine/generate/prompt.ts';
import type { GenerateRequest, Speculation } from '../../../engine/generate/types.ts';
import { benchTokens } from './peer.ts';
import type { Answers } from './peer.ts';
import { streamsTokensPerSecond } from '../report/statistics.ts';
import type { StreamTimes } from '../report/statistics.ts';

export interface TimedRun extends StreamTimes {
  /** The output, in a form that can be compared. */
  readonly text: string;
  readonly firstMs: number;
  readonly tokensPerSecond: number;
}

/**
 * Greedy, to the last token asked for, whatever the model would stop at. What follows random ids
 * repeats itself more than any text: guessing ahead would show rates that no user sees.
 */
export function benchRequest(
  promptTokens: number[],
  maxTokens: number,
  speculation: Speculation = 'off',
): GenerateRequest {
  return {
    prompt: tokenPrompt(promptTokens),
    maxTokens,
    sampling: { ...DEFAULT_SAMPLING, temperature: 0 },
    stopTokens: [],
    topLogprobs: null,
    promptLogprobs: false,
    speculation,
  };
}

/** Nearly the whole context: a long prompt, then generated tokens. */
export function fullContext(nCtx: number): { readonly nPrompt: number; readonly nTokens: number } {
  const nTokens = Math.min(140, nCtx >> 1);
  return { nPrompt: nCtx - nTokens - 8, nTokens };
}

export async function fillContext(engine: Engine, salt: number, nVocab: number): Promise<void> {
  const { nPrompt, nTokens } = fullContext(engine.nCtx);
  await timeGeneration(engine, benchRequest(benchTokens(nPrompt, salt, nVocab), nTokens));
}

export async function timeGeneration(engine: Engine, request: GenerateRequest): Promise<TimedRun> {
  const startedAt = performance.now();
  const atMs: number[] = [];
  const tokens: number[] = [];
  for await (const event of engine.generate(request, new AbortController().signal)) {
    if (event.type !== 'token') continue;
    atMs.push(performance.now());
    tokens.push(event.token);
  }
  return timesOf(startedAt, atMs, tokens.length, tokens.join(' '));
}

export function timesOf(
  startedAt: number,
  atMs: number[],
  nTokens: number,
  text: string,
): TimedRun {
  const [first = startedAt, last = startedAt] = [atMs[0], atMs.at(-1)];
  return {
    atMs,
    nTokens,
    text,
    firstMs: first - startedAt,
    tokensPerSecond: ((nTokens - 1) * 1000) / (last - first),
  };
}

/** Prefill, first token, decode and streams over anything that runs a prompt and reports the times. */
export function speedAnswers(
  nVocab: number,
  run: (prompt: number[], maxTokens: number, stream: number) => Promise<TimedRun>,
): Pick<Answers, 'prefill' | 'firstToken' | 'decode' | 'streams'> {
  const firstMs = async (nTokens: number, salt: number) =>
    (await run(benchTokens(nTokens, salt, nVocab), 1, 0)).firstMs;
  return {
    prefill: async ({ nTokens }, salt) => (nTokens * 1000) / (await firstMs(nTokens, salt)),
    firstToken: async ({ nTokens }, salt) => await firstMs(nTokens, salt),
    decode: async ({ nPrompt, nTokens }, salt) =>
      (await run(benchTokens(nPrompt, salt, nVocab), nTokens + 1, 0)).tokensPerSecond,
    streams: async ({ nStream, nPrompt, nTokens }, salt) =>
      streamsTokensPerSecond(
        await Promise.all(
          Array.from({ length: nStream }, (_, i) =>
            run(benchTokens(nPrompt, salt + i, nVocab), nTokens + 1, i),
          ),
        ),
      ),
  };
}

/**
 * Rewriting `prompt`, with and without guesses.
 * @throws {Error} when the two ever differ by a character: guesses may only change the time.
 */
export function rewriteAnswer(
  prompt: readonly number[],
  run: (prompt: number[], maxTokens: number, speculation: Speculation) => Promise<TimedRun>,
): Pick<Answers, 'rewrite'> {
  let expected: string | null = null;
  return {
    async rewrite({ nTokens, speculation }) {
      const { text, tokensPerSecond } = await run([...prompt], nTokens + 1, speculation);
      expected ??= text;
      if (text !== expected)
        throw new Error(`rewrite: the text differs with speculation ${speculation}`);
      return tokensPerSecond;
    },
  };
}

/** The same prompt answered freely and held to a schema. Constrained output may end before `nTokens`. */
export function structuredAnswer(
  prompt: readonly number[],
  run: (prompt: number[], maxTokens: number, isHeld: boolean) => Promise<TimedRun>,
): Pick<Answers, 'structured'> {
  return {
    structured: async ({ nTokens, isHeld }) =>
      (await run([...prompt], nTokens, isHeld)).tokensPerSecond,
  };
}

export function engineAnswers(engine: Engine, nVocab: number): ReturnType<typeof speedAnswers> {
  return speedAnswers(nVocab, (prompt, maxTokens) =>
    timeGeneration(engine, benchRequest(prompt, maxTokens)),
  );
}
