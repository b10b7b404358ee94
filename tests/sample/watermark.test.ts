/**
 * The watermark: against a tournament played pair by pair, fair over keys, found where it is and not where
 * it is not, and without effect on what it must leave alone.
 */
import { describe, expect, it } from 'vitest';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import type { SamplingParams } from '../../engine/sample/params.ts';
import { SamplerChain } from '../../engine/sample/chain.ts';
import { contextSeed, tokenBits, WATERMARK_LAYERS } from '../../engine/sample/watermark-hash.ts';
import type { WatermarkKey } from '../../engine/sample/watermark-hash.ts';
import { scoreWatermark, upperTail } from '../../engine/sample/watermark-score.ts';
import { chiSquare, chiSquareBound } from '../support/chi-square.ts';
import { seededRandom } from '../support/random.ts';

const KEY: WatermarkKey = [0x12345678, 0x9abcdef0, 0x0fedcba9, 0x87654321];

function params(changes: Partial<SamplingParams> = {}): SamplingParams {
  return { ...DEFAULT_SAMPLING, seed: 5, watermark: KEY, ...changes };
}
function keyOf(random: () => number): WatermarkKey {
  const word = () => Math.floor(random() * 2 ** 32);
  return [word(), word(), word(), word()];
}
function logitsOf(seed: number, n: number, spread: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: n }, () => spread * (random() + random() + random() - 1.5));
}
function softmax(logits: Float32Array): number[] {
  const weights = [...logits].map(Math.exp);
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / sum);
}

/** Winners of matches between two independent entrants, layer after layer; ties are a fair coin's. */
function playTournament(p: readonly number[], bits: readonly number[]): number[] {
  let winners = [...p];
  for (let layer = 0; layer < WATERMARK_LAYERS; layer++) {
    const bit = (token: number) => (bits[token]! >> layer) & 1;
    const next = winners.map(() => 0);
    for (let a = 0; a < winners.length; a++)
      for (let b = 0; b < winners.length; b++) {
        const together = winners[a]! * winners[b]!;
        const share = bit(a) === bit(b) ? 0.5 : bit(a);
        next[a]! += together * share;
        next[b]! += together * (1 - share);
      }
    winners = next;
  }
  return winners;
}

/** Draws `n` tokens after a prompt from rows of logits that are a function of the place alone. */
function drawText(
  p: SamplingParams,
  n: number,
  row = (i: number) => logitsOf(i, 300, 3),
): number[] {
  const text = [1, 2, 3];
  const chain = new SamplerChain(p);
  while (text.length < n + 3) text.push(chain.pick(row(text.length), { text, nPrompt: 3 }));
  return text.slice(3);
}

describe('the draw', () => {
  it('is a tournament of pairs', () => {
    const text = [9, 4, 7, 1, 3];
    for (const seed of [1, 2, 3]) {
      const logits = logitsOf(seed, 40, 2);
      const context = contextSeed(KEY, text, text.length);
      const bits = Array.from({ length: 40 }, (_, token) => tokenBits(context, token));
      const want = playTournament(softmax(logits), bits);
      const got = new SamplerChain(params()).distribution(logits, { text, nPrompt: 0 });
      for (const [token, p] of want.entries()) expect(got.get(token)).toBeCloseTo(p, 9);
    }
  });

  it('leaves each token its probability over keys', () => {
    const random = seededRandom(11);
    const logits = logitsOf(4, 12, 2);
    const counts = new Array<number>(12).fill(0);
    for (let i = 0; i < 20_000; i++) {
      const chain = new SamplerChain(params({ watermark: keyOf(random), seed: i }));
      counts[chain.pick(logits, { text: [5, 6, 7, 8], nPrompt: 0 })]!++;
    }
    expect(chiSquare(counts, softmax(logits))).toBeLessThan(chiSquareBound(12));
  });

  it('marks nothing after the prompt alone, nor after a context that was there', () => {
    const logits = logitsOf(6, 50, 2);
    const plain = new SamplerChain(params({ watermark: null }));
    for (const context of [
      { text: [1, 2, 3, 4, 5, 6, 7], nPrompt: 4 },
      { text: [1, 2, 3, 4, 9, 1, 2, 3, 4], nPrompt: 0 },
    ]) {
      const marked = new SamplerChain(params()).distribution(logits, context);
      expect(marked).toEqual(plain.distribution(logits, context));
    }
    const fresh = { text: [1, 2, 3, 4, 9, 1, 2, 3, 5], nPrompt: 0 };
    const marked = new SamplerChain(params()).distribution(logits, fresh);
    expect(marked).not.toEqual(plain.distribution(logits, fresh));
  });

  it('depends on the seed, so that choices differ, and on nothing else', () => {
    expect(drawText(params(), 60)).toEqual(drawText(params(), 60));
    expect(drawText(params({ seed: 6 }), 60)).not.toEqual(drawText(params(), 60));
    const greedy = { temperature: 0 };
    expect(drawText(params(greedy), 60)).toEqual(
      drawText(params({ ...greedy, watermark: null }), 60),
    );
  });

  it('draws only what a filter allows, and marks that', () => {
    const mask = new Uint32Array(10).fill(0x55555555);
    const filter = { allows: (token: number) => token % 2 === 0, mask: () => mask };
    const text: number[] = [];
    const chain = new SamplerChain(params());
    while (text.length < 150)
      text.push(chain.pick(logitsOf(text.length, 300, 3), { text, nPrompt: 0 }, null, filter));
    expect(text.filter((token) => token % 2 === 1)).toEqual([]);
    expect(scoreWatermark(KEY, text).pValue).toBeLessThan(1e-6);
  });

  it.each([
    ['top-k, top-p and a temperature', { topK: 40, topP: 0.9, temperature: 0.8 }],
    ['min-p and penalties', { minP: 0.02, repetitionPenalty: 1.1 }],
    ['Mirostat', { mirostat: 2, mirostatTau: 4 }],
  ] satisfies [string, Partial<SamplingParams>][])('is found with %s', (_, changes) => {
    expect(scoreWatermark(KEY, drawText(params(changes), 200)).pValue).toBeLessThan(1e-6);
  });

  it("leaves Mirostat the model's own surprise", () => {
    // Surprise settles at tau only if it is measured before the tournament, which makes draws nearly certain.
    const row = (i: number) => logitsOf(i, 3000, 4);
    const surprise = (watermark: WatermarkKey | null) => {
      const text = drawText(params({ mirostat: 2, mirostatTau: 3, watermark }), 600, row);
      const bits = text.slice(100).map((token, i) => -Math.log2(softmax(row(i + 103))[token]!));
      return bits.reduce((a, b) => a + b, 0) / bits.length;
    };
    expect(Math.abs(surprise(KEY) - surprise(null))).toBeLessThan(0.25);
  });
});

describe('the score', () => {
  it('is exact: the tail of fair coins', () => {
    const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k);
    for (const n of [1, 7, 40])
      for (let k = 0; k <= n; k++) {
        let want = 0;
        for (let i = k; i <= n; i++) want += choose(n, i) / 2 ** n;
        expect(upperTail(n, k)).toBeCloseTo(want, 12);
      }
    expect(upperTail(500_000, 250_000)).toBeCloseTo(0.5, 2);
    expect(upperTail(500_000, 500_000)).toBe(0);
  });

  it('is low for the key of a text, of any part of it, and of no other text', () => {
    const marked = drawText(params(), 400);
    expect(scoreWatermark(KEY, marked).pValue).toBeLessThan(1e-12);
    expect(scoreWatermark(KEY, marked.slice(130, 230)).pValue).toBeLessThan(1e-6);
    expect(scoreWatermark([1, 2, 3, 4], marked).pValue).toBeGreaterThan(0.001);
    expect(scoreWatermark(KEY, drawText(params({ watermark: null }), 400)).pValue).toBeGreaterThan(
      0.001,
    );
  });

  it('raises no more false alarms than it says, also in repetitive text', () => {
    const random = seededRandom(8);
    const [nText, level] = [4000, 0.05];
    let nAlarm = 0;
    for (let i = 0; i < nText; i++) {
      const key = keyOf(random);
      const text = Array.from({ length: 60 }, () => Math.floor(random() * (i % 2 === 0 ? 3 : 900)));
      if (scoreWatermark(key, [...text, ...text]).pValue < level) nAlarm++;
    }
    const sigma = Math.sqrt(nText * level * (1 - level));
    expect(nAlarm).toBeLessThan(nText * level + 4 * sigma);
    expect(nAlarm).toBeGreaterThan(nText * level * 0.6);
  });

  it('counts only tokens with a context of their own', () => {
    expect(scoreWatermark(KEY, [1, 2, 3, 4])).toEqual({ nScored: 0, z: 0, pValue: 1 });
    expect(scoreWatermark(KEY, []).pValue).toBe(1);
    expect(scoreWatermark(KEY, new Array<number>(100).fill(7)).nScored).toBe(1);
  });
});
