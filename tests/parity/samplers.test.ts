/**
 * Our samplers on llama.cpp's logits against what llama.cpp's own leave of them: the same tokens with
 * the same probabilities. It has no typical, top-n-sigma and Mirostat at hand; those stand in
 * tests/sample/samplers.test.ts.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LlamaContextSequence, SequenceEvaluateOptions, Token } from 'node-llama-cpp';
import { getLlama, TokenBias } from 'node-llama-cpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import type { SamplingParams } from '../../engine/sample/params.ts';
import { SamplerChain } from '../../engine/sample/chain.ts';
import { temporaryFolder } from '../support/models.ts';
import { randomConfig, randomGguf, randomLlama, randomTokens } from '../support/random-llama.ts';

/** llama.cpp's probabilities are sums of 32-bit numbers. */
const TOLERANCE = 2e-5;
const N_TOKEN = 20;
const NOTHING_LEFT_OUT = { temperature: 1, topK: 0, topP: 1, minP: 0, seed: 3 };
const TEXT = randomTokens(N_TOKEN, 8);
const asTokens = (ids: readonly number[]) => ids as Token[];

let sequence: LlamaContextSequence;
let biasOf: (tokens: readonly number[], logit: number) => TokenBias;
let dispose: () => Promise<void>;
let logits: Float32Array[];

beforeAll(async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'tiny.gguf');
  const config = randomConfig();
  await writeFile(file, randomGguf(config, randomLlama(config)));
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' as never });
  const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
  const context = await model.createContext({ contextSize: 256, threads: 1 });
  sequence = context.getSequence();
  biasOf = (tokens, logit) => {
    const bias = new TokenBias(model.tokenizer);
    for (const token of asTokens(tokens)) bias.set(token, { logit });
    return bias;
  };
  dispose = async () => {
    await context.dispose();
    await model.dispose();
    await llama.dispose();
  };
  logits = await rawLogits(TEXT, config.nVocab);
});
afterAll(() => dispose());

/** Logits of every position: greedy changes none. */
async function rawLogits(tokens: readonly number[], nVocab: number): Promise<Float32Array[]> {
  await sequence.clearHistory();
  const results = await sequence.controlledEvaluate(
    asTokens(tokens).map((token) => [
      token,
      { generateNext: { logits: true, options: { temperature: 0 } } },
    ]),
  );
  return results.map((result) => {
    const row = new Float32Array(nVocab).fill(-Infinity);
    for (const [token, logit] of result!.next.logits!) row[token] = logit;
    return row;
  });
}

async function theirs(options: SequenceEvaluateOptions): Promise<ReadonlyMap<Token, number>[]> {
  await sequence.clearHistory();
  const results = await sequence.controlledEvaluate(
    asTokens(TEXT).map((token) => [
      token,
      { generateNext: { probabilities: true, options: { ...NOTHING_LEFT_OUT, ...options } } },
    ]),
  );
  return results.map((result) => result!.next.probabilities!);
}

function expectSame(
  got: ReadonlyMap<number, number>,
  want: ReadonlyMap<Token, number>,
  tolerance = TOLERANCE,
): void {
  const kept = [...want].filter(([, p]) => p > 0);
  for (const [token, p] of kept)
    expect(Math.abs((got.get(token) ?? 0) - p), `token ${token}`).toBeLessThan(tolerance);
  for (const [token, p] of got)
    if (p > tolerance) expect(want.get(token as Token)).toBeGreaterThan(0);
}

const CASES: readonly [string, SequenceEvaluateOptions, Partial<SamplingParams>][] = [
  ['nothing', {}, {}],
  ['temperature', { temperature: 0.6 }, { temperature: 0.6 }],
  ['top-k', { topK: 5 }, { topK: 5 }],
  ['top-p', { topP: 0.7 }, { topP: 0.7 }],
  ['min-p', { minP: 0.2 }, { minP: 0.2 }],
  ['xtc', { xtc: { probability: 1, threshold: 0.03 } }, { xtcProbability: 1, xtcThreshold: 0.03 }],
  [
    'top-k, top-p, min-p, xtc, temperature',
    { topK: 30, topP: 0.9, minP: 0.05, xtc: { probability: 1, threshold: 0.08 }, temperature: 1.7 },
    {
      ...{ topK: 30, topP: 0.9, minP: 0.05, temperature: 1.7 },
      ...{ xtcProbability: 1, xtcThreshold: 0.08 },
    },
  ],
];

describe('what is left of each position', () => {
  it.each(CASES)('%s', async (_, options, changes) => {
    const chain = new SamplerChain({ ...DEFAULT_SAMPLING, ...changes });
    const want = await theirs(options);
    let nLeft = 0;
    for (const [i, row] of logits.entries()) {
      const got = chain.distribution(row, { text: [], nPrompt: 0 });
      nLeft += got.size;
      expectSame(got, want[i]!);
    }
    if (Object.keys(changes).some((name) => name !== 'temperature'))
      expect(nLeft).toBeLessThan(logits.length * logits[0]!.length);
  });

  it('biased logits', async () => {
    const want = await theirs({ tokenBias: biasOf([7, 9], 3) });
    const logitBias = [[7, 3] as const, [9, 3] as const];
    const chain = new SamplerChain({ ...DEFAULT_SAMPLING, logitBias });
    for (const [i, row] of logits.entries())
      expectSame(chain.distribution(row, { text: [], nPrompt: 0 }), want[i]!);
  });

  it('notices a top-p that is a little too large', async () => {
    const want = await theirs({ topP: 0.7 });
    const chain = new SamplerChain({ ...DEFAULT_SAMPLING, topP: 0.75 });
    expect(() => {
      for (const [i, row] of logits.entries())
        expectSame(chain.distribution(row, { text: [], nPrompt: 0 }), want[i]!);
    }).toThrow();
  });
});

describe('penalties that look back at what was generated', () => {
  /** Text that llama.cpp writes with these options, and the distribution of each of its tokens. */
  async function written(options: SequenceEvaluateOptions, n: number) {
    await sequence.clearHistory();
    const tokens: number[] = [];
    const distributions: ReadonlyMap<Token, number>[] = [];
    const events = sequence.evaluateWithMetadata(
      asTokens([1]),
      { probabilities: true },
      { ...NOTHING_LEFT_OUT, yieldEogToken: true, ...options },
    );
    for await (const { token, probabilities } of events) {
      tokens.push(token);
      distributions.push(probabilities);
      if (tokens.length === n) break;
    }
    return { tokens, distributions };
  }

  // Its -1, all of the context, finds nothing to look back at here: how far is said.
  const dry = { strength: 1, base: 1.3, allowedLength: 1, lastTokens: 64, sequenceBreakers: [] };
  const OURS = { dryMultiplier: 1, dryBase: 1.3, dryAllowedLength: 1, dryPenaltyLastN: 64 };
  it.each([
    ['dry', {}, {}],
    ['dry of longer sequences', { allowedLength: 3 }, { dryAllowedLength: 3 }],
    ['dry over the last ten', { lastTokens: 10 }, { dryPenaltyLastN: 10 }],
    ['dry of another base', { base: 2 }, { dryBase: 2 }],
  ])('%s', async (_, options, changes) => {
    // Few words, so that sequences come again.
    const favoured = [20, 21, 22, 23, 24];
    const { tokens, distributions } = await written(
      { dryRepeatPenalty: { ...dry, ...options }, tokenBias: biasOf(favoured, 9) },
      64,
    );
    const rows = await rawLogits([1, ...tokens], logits[0]!.length);
    const logitBias = favoured.map((token) => [token, 9] as const);
    const plain = new SamplerChain({ ...DEFAULT_SAMPLING, logitBias });
    const chain = new SamplerChain({ ...DEFAULT_SAMPLING, logitBias, ...OURS, ...changes });
    let nChanged = 0;
    for (const [i, want] of distributions.entries()) {
      const context = { text: tokens.slice(0, i), nPrompt: 0 };
      const got = chain.distribution(rows[i]!, context);
      // Logits of one token and of many at once differ a little.
      expectSame(got, want, 0.01);
      const without = plain.distribution(rows[i]!, context);
      const isChanged = ([token, p]: [number, number]) => Math.abs(p - without.get(token)!) > 0.05;
      if ([...got].some(isChanged)) nChanged++;
    }
    expect(nChanged).toBeGreaterThan(10);
  });
});
