/**
 * Each sampler against its published formula, computed plainly over all tokens, on seeded rows of
 * logits; chains of several; what excludes each other; and Mirostat, whose state is the text's.
 */
import { describe, expect, it, test } from 'vitest';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import type { SamplingParams } from '../../engine/sample/params.ts';
import { SamplerChain } from '../../engine/sample/chain.ts';
import { STREAMS, uniformAt } from '../../engine/sample/random.ts';
import { checkSampling } from '../../engine/sample/samplers.ts';
import { chiSquare, chiSquareBound } from '../support/chi-square.ts';
import { seededRandom } from '../support/random.ts';

const N_VOCAB = 700;
const NOTHING = { text: [], nPrompt: 0 };

function params(changes: Partial<SamplingParams>): SamplingParams {
  return { ...DEFAULT_SAMPLING, seed: 5, ...changes };
}
/** Bell-shaped logits of this spread, as models have them. */
function logitsOf(seed: number, spread = 3): Float32Array {
  const random = seededRandom(seed);
  const bell = () => (random() + random() + random() + random() - 2) * Math.sqrt(3);
  return Float32Array.from({ length: N_VOCAB }, () => spread * bell());
}
const ROWS = [1, 2, 3, 4, 5].map((seed) => logitsOf(seed, seed));

interface Choice {
  readonly token: number;
  readonly logit: number;
  readonly p: number;
}
type Formula = (choices: Choice[]) => Choice[];

/** Sorted, with probabilities. */
function choicesOf(logits: readonly Pick<Choice, 'token' | 'logit'>[]): Choice[] {
  const top = Math.max(...logits.map(({ logit }) => logit));
  const sum = logits.reduce((total, { logit }) => total + Math.exp(logit - top), 0);
  return logits
    .map(({ token, logit }) => ({ token, logit, p: Math.exp(logit - top) / sum }))
    .sort((a, b) => b.logit - a.logit || a.token - b.token);
}
const sumOf = (xs: readonly number[]) => xs.reduce((sum, x) => sum + x, 0);
/** The first that reach `goal` together. */
function untilReached(choices: readonly Choice[], goal: number): Choice[] {
  let sum = 0;
  const n = choices.findIndex(({ p }) => (sum += p) >= goal);
  return choices.slice(0, n < 0 ? choices.length : n + 1);
}

const FORMULAS = {
  topK:
    (k: number): Formula =>
    (c) =>
      c.slice(0, k),
  topP:
    (p: number): Formula =>
    (c) =>
      untilReached(c, p),
  minP:
    (p: number): Formula =>
    (c) =>
      c.filter((x) => x.p >= p * c[0]!.p),
  typicalP:
    (p: number): Formula =>
    (c) => {
      const entropy = -sumOf(c.map((x) => x.p * Math.log(x.p)));
      const gap = (x: Choice) => Math.abs(-Math.log(x.p) - entropy);
      return untilReached(
        c.toSorted((a, b) => gap(a) - gap(b)),
        p,
      );
    },
  topNSigma:
    (n: number): Formula =>
    (c) => {
      const mean = sumOf(c.map(({ logit }) => logit)) / c.length;
      const sigma = Math.sqrt(sumOf(c.map(({ logit }) => (logit - mean) ** 2)) / c.length);
      return c.filter(({ logit }) => logit >= c[0]!.logit - n * sigma);
    },
  xtc:
    (threshold: number): Formula =>
    (c) => {
      const nAbove = c.filter(({ p }) => p >= threshold).length;
      return c.slice(Math.max(0, nAbove - 1));
    },
  temperature:
    (t: number): Formula =>
    (c) =>
      c.map((x) => ({ ...x, logit: x.logit / t })),
};

/** Tokens below it need not be among the candidates: 30 nats are 1e-13. */
const NEGLIGIBLE = 1e-12;

function expectDistribution(got: ReadonlyMap<number, number>, want: readonly Choice[]): void {
  const found = want.filter(({ token, p }) => p > NEGLIGIBLE || got.has(token));
  const tokens = found.map(({ token }) => token);
  expect([...got.keys()].sort((a, b) => a - b)).toEqual(tokens.sort((a, b) => a - b));
  for (const { token, p } of found) expect(got.get(token)).toBeCloseTo(p, 9);
}

/** Runs formulas one after the other, probabilities anew in between. */
function compute(logits: Float32Array, formulas: readonly Formula[]): Choice[] {
  let choices = choicesOf([...logits].map((logit, token) => ({ token, logit })));
  for (const formula of formulas) choices = choicesOf(formula(choices));
  return choices;
}

const F = FORMULAS;
const CASES: readonly [string, Partial<SamplingParams>, Formula[]][] = [
  ...[1, 2, 40, 699, 700, 5000].map((k) => row(`top-k ${k}`, { topK: k }, F.topK(k))),
  ...[0.05, 0.5, 0.95, 0.9999].map((p) => row(`top-p ${p}`, { topP: p }, F.topP(p))),
  ...[0.5, 0.05, 1e-4, 1].map((p) => row(`min-p ${p}`, { minP: p }, F.minP(p))),
  ...[0.1, 0.5, 0.95].map((p) => row(`typical-p ${p}`, { typicalP: p }, F.typicalP(p))),
  ...[0.5, 1, 2].map((n) => row(`top-n-sigma ${n}`, { topNSigma: n }, F.topNSigma(n))),
  ...[0.001, 0.02, 0.1, 0.5].map((t) =>
    row(`xtc ${t}`, { xtcProbability: 1, xtcThreshold: t }, F.xtc(t)),
  ),
  ...[0.3, 0.8, 1.7, 2].map((t) => row(`temperature ${t}`, { temperature: t }, F.temperature(t))),
  [
    'all of them in the default order',
    {
      ...{ topNSigma: 2.5, topK: 60, typicalP: 0.97, topP: 0.95, minP: 0.02 },
      ...{ xtcProbability: 1, xtcThreshold: 0.05, temperature: 1.4 },
    },
    [
      ...[F.topNSigma(2.5), F.topK(60), F.typicalP(0.97), F.topP(0.95), F.minP(0.02)],
      ...[F.xtc(0.05), F.temperature(1.4)],
    ],
  ],
  [
    'another order',
    {
      ...{ topK: 30, topP: 0.9, minP: 0.1, temperature: 0.6, typicalP: 0.9 },
      samplers: ['min_p', 'temperature', 'typical_p', 'top_p', 'top_k'],
    },
    [F.minP(0.1), F.temperature(0.6), F.typicalP(0.9), F.topP(0.9), F.topK(30)],
  ],
  [
    'temperature first',
    { topP: 0.9, temperature: 1.8, samplers: ['temperature', 'top_p'] },
    [F.temperature(1.8), F.topP(0.9)],
  ],
];

function row(
  name: string,
  changes: Partial<SamplingParams>,
  formula: Formula,
): [string, Partial<SamplingParams>, Formula[]] {
  return [name, changes, [formula]];
}

describe('distributions', () => {
  it.each(CASES)('%s', (_, changes, formulas) => {
    const chain = new SamplerChain(params(changes));
    for (const logits of ROWS)
      expectDistribution(chain.distribution(logits, NOTHING), compute(logits, formulas));
  });

  it.each(CASES)('%s: draws have it', (_, changes, formulas) => {
    const chain = new SamplerChain(params(changes));
    const logits = ROWS[3]!;
    const want = compute(logits, formulas);
    const nDraw = 4000;
    // Rare tokens together, so that every class expects enough.
    const frequent = want.filter(({ p }) => p * nDraw >= 10);
    const probabilities = frequent.map(({ p }) => p);
    const rest = Math.max(0, 1 - sumOf(probabilities));
    const counts = new Map<number, number>();
    for (let step = 0; step < nDraw; step++) {
      const token = chain.pick(logits, { text: new Array<number>(step), nPrompt: 0 });
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    const ofFrequent = frequent.map(({ token }) => counts.get(token) ?? 0);
    const others = nDraw - sumOf(ofFrequent);
    for (const token of counts.keys()) expect(want.some((x) => x.token === token)).toBe(true);
    if (rest * nDraw < 5) {
      expect(others).toBeLessThan(25);
      return;
    }
    const all = chiSquare([...ofFrequent, others], [...probabilities, rest]);
    expect(all).toBeLessThan(chiSquareBound(frequent.length + 1));
  });

  it('a known top and mass change nothing', () => {
    const chain = new SamplerChain(params({ topP: 0.9 }));
    expect(chain.wantsMass).toBe(true);
    for (const logits of ROWS) {
      const top = Math.max(...logits);
      const mass = sumOf([...logits].map((x) => Math.exp(x - top)));
      for (let step = 0; step < 50; step++) {
        const context = { text: new Array<number>(step), nPrompt: 0 };
        expect(chain.pick(logits, context, { top, mass })).toBe(chain.pick(logits, context));
      }
    }
  });

  it('rows without a number give a token of the vocabulary', () => {
    for (const changes of [{}, { topP: 0.5 }, { topK: 3, temperature: 0.5 }, { temperature: 0 }])
      for (const x of [NaN, -Infinity])
        expect(new SamplerChain(params(changes)).pick(new Float32Array(4).fill(x), NOTHING)).toBe(
          0,
        );
  });
});

describe('xtc', () => {
  it('happens as often as its probability says, by a number of its own', () => {
    const p = params({ xtcProbability: 0.3, xtcThreshold: 0.1 });
    const logits = Float32Array.of(2, 2, 0);
    const chain = new SamplerChain(p);
    let nExcluded = 0;
    for (let step = 0; step < 5000; step++) {
      const context = { text: new Array<number>(step), nPrompt: 0 };
      const isExcluded = !chain.distribution(logits, context).has(0);
      expect(isExcluded).toBe(uniformAt(p.seed, step, STREAMS.xtc) < 0.3);
      if (isExcluded) nExcluded++;
    }
    expect(chiSquare([nExcluded, 5000 - nExcluded], [0.3, 0.7])).toBeLessThan(chiSquareBound(2));
  });

  it('numbers of the two streams are independent', () => {
    const cells = new Array<number>(64).fill(0);
    const cell = (step: number, stream: number) => Math.floor(uniformAt(9, step, stream) * 8);
    for (let step = 0; step < 20_000; step++) cells[cell(step, 0) * 8 + cell(step, 1)]!++;
    expect(chiSquare(cells, new Array<number>(64).fill(1 / 64))).toBeLessThan(chiSquareBound(64));
  });

  it('a threshold above a half never excludes', () => {
    const chain = new SamplerChain(params({ xtcProbability: 1, xtcThreshold: 0.51 }));
    expect(chain.distribution(Float32Array.of(9, 0), NOTHING).size).toBe(2);
  });
});

/** The penalty of every token by comparing each earlier end with the end of the text. */
function dryPenalties(
  text: readonly number[],
  p: SamplingParams,
  runStarts: readonly number[] = [],
): Map<number, number> {
  const window = p.dryPenaltyLastN < 0 ? text : text.slice(-p.dryPenaltyLastN || text.length);
  const passed = text.length - window.length;
  /** Tokens of the window before `at` that stand in the run of what is at `at`. */
  const nBefore = (at: number) => at - Math.max(0, (runStarts[passed + at] ?? 0) - passed);
  const longest = new Map<number, number>();
  for (let end = 0; end < window.length - 1; end++) {
    let length = 0;
    while (length < Math.min(nBefore(end + 1), nBefore(window.length))) {
      const mine = window[window.length - 1 - length]!;
      if (mine !== window[end - length] || p.drySequenceBreakers.includes(mine)) break;
      length++;
    }
    const next = window[end + 1]!;
    longest.set(next, Math.max(longest.get(next) ?? 0, length));
  }
  return new Map(
    [...longest]
      .filter(([, length]) => length >= p.dryAllowedLength)
      .map(([token, length]) => [
        token,
        p.dryMultiplier * p.dryBase ** (length - p.dryAllowedLength),
      ]),
  );
}

describe('dry', () => {
  const penaltiesOf = (text: readonly number[], p: SamplingParams, runStarts?: number[]) => {
    const distribution = new SamplerChain(p).distribution(new Float32Array(8), {
      text,
      nPrompt: 3,
      ...(runStarts === undefined ? {} : { runStarts }),
    });
    // Token 7 is never in a text: nothing is taken from it.
    return [...distribution].map(
      ([token, q]) => [token, Math.log(distribution.get(7)! / q)] as const,
    );
  };

  it('by hand: 1 2 3 4 after 1 2 3 costs 4 its base', () => {
    const p = params({ dryMultiplier: 0.8, dryBase: 1.75, dryAllowedLength: 2 });
    const got = new Map(penaltiesOf([1, 2, 3, 4, 0, 1, 2, 3], p));
    expect(got.get(4)).toBeCloseTo(0.8 * 1.75, 6);
    for (const token of [0, 1, 2, 3, 5, 6]) expect(got.get(token)).toBeCloseTo(0, 9);
  });

  it('compares nothing across the end of a run', () => {
    const p = params({ dryMultiplier: 0.8, dryBase: 1.75, dryAllowedLength: 2 });
    const text = [1, 2, 3, 4, 0, 1, 2, 3];
    const penaltyOf4 = (...starts: number[]) => {
      // As of nine positions, the last of which is to come.
      const runStarts = Array.from({ length: 9 }, (_, i) =>
        Math.max(0, ...starts.filter((start) => start <= i)),
      );
      return new Map(penaltiesOf(text, p, runStarts)).get(4);
    };
    expect(penaltyOf4(4)).toBeCloseTo(0.8 * 1.75, 6);
    expect(penaltyOf4(1, 6)).toBeCloseTo(0.8, 6);
    // What follows the earlier match, its middle, the end of the text, what comes after it.
    for (const start of [3, 2, 7, 8]) expect(penaltyOf4(start)).toBeCloseTo(0, 9);
  });

  it('is the plain computation on random texts of several runs', () => {
    const random = seededRandom(78);
    let nPenalty = 0;
    for (let run = 0; run < 300; run++) {
      const changes = [{}, { drySequenceBreakers: [0] }, { dryPenaltyLastN: 20 }][run % 3];
      const p = params({ dryMultiplier: 0.1, dryBase: 1.05, dryAllowedLength: 1, ...changes });
      const text = Array.from({ length: 60 }, () => Math.floor(random() * 3));
      const runStarts: number[] = [0];
      for (let i = 1; i <= text.length; i++) runStarts.push(random() < 0.1 ? i : runStarts[i - 1]!);
      const want = dryPenalties(text, p, runStarts);
      nPenalty += want.size;
      for (const [token, penalty] of penaltiesOf(text, p, runStarts))
        expect(penalty, `${text.join()}: ${token}`).toBeCloseTo(want.get(token) ?? 0, 5);
    }
    expect(nPenalty).toBeGreaterThan(300);
  });

  it('is the plain computation on random texts of few words', () => {
    const random = seededRandom(77);
    const changes = [
      {},
      { dryAllowedLength: 1 },
      { dryAllowedLength: 4, dryBase: 1.2 },
      { drySequenceBreakers: [0] },
      { drySequenceBreakers: [0, 3], dryAllowedLength: 1 },
      { dryPenaltyLastN: 20 },
    ];
    let nPenalty = 0;
    for (let run = 0; run < 300; run++) {
      const p = params({ dryMultiplier: 0.1, dryBase: 1.05, ...changes[run % changes.length] });
      const nWord = 2 + Math.floor(random() * 4);
      const length = Math.floor(random() * 60);
      const text = Array.from({ length }, () => Math.floor(random() * nWord));
      const want = dryPenalties(text, p);
      nPenalty += want.size;
      for (const [token, penalty] of penaltiesOf(text, p))
        expect(penalty, `${text.join()}: ${token}`).toBeCloseTo(want.get(token) ?? 0, 5);
    }
    expect(nPenalty).toBeGreaterThan(300);
  });

  it('a penalty beyond all numbers forbids the token', () => {
    const text = new Array<number>(2000).fill(1);
    const chain = new SamplerChain(params({ dryMultiplier: 1, dryBase: 4 }));
    const distribution = chain.distribution(new Float32Array(8), { text, nPrompt: 0 });
    expect(distribution.has(1)).toBe(false);
    expect(distribution.size).toBe(7);
  });
});

describe('logit bias', () => {
  it('adds to logits before anything else, greedy or not', () => {
    const logits = Float32Array.of(1, 2, 3);
    const logitBias = [[0, 4] as const, [2, -100] as const];
    const of = (changes: Partial<SamplingParams>) =>
      new SamplerChain(params({ logitBias, ...changes }));
    expect(of({ temperature: 0 }).pick(logits, NOTHING)).toBe(0);
    expect(of({ topK: 1 }).pick(logits, NOTHING)).toBe(0);
    const distribution = of({}).distribution(logits, NOTHING);
    expect(Math.log(distribution.get(0)! / distribution.get(1)!)).toBeCloseTo(3, 9);
    expect(distribution.has(2)).toBe(false);
    expect([...logits]).toEqual([1, 2, 3]);
  });
});

describe('mirostat 2', () => {
  const p = params({ mirostat: 2, mirostatTau: 3, mirostatEta: 0.2, temperature: 0.9 });

  it('is the published loop', () => {
    const chain = new SamplerChain(p);
    const text: number[] = [];
    let mu = 2 * p.mirostatTau;
    for (let step = 0; step < 200; step++) {
      const logits = logitsOf(step, 2 + (step % 4));
      const scaled = compute(logits, [F.temperature(0.9)]);
      const kept = scaled.filter((x) => -Math.log2(x.p) <= mu);
      const want = choicesOf(kept.length === 0 ? scaled.slice(0, 1) : kept);
      expectDistribution(chain.distribution(logits, { text, nPrompt: 0 }), want);
      const token = chain.pick(logits, { text, nPrompt: 0 });
      mu -= p.mirostatEta * (-Math.log2(want.find((x) => x.token === token)!.p) - p.mirostatTau);
      text.push(token);
    }
    // It did what it is for: the surprise is near what was aimed at.
    expect(mu).toBeGreaterThan(2);
    expect(mu).toBeLessThan(9);
  });

  it('gives the same text again', () => {
    const run = () => {
      const chain = new SamplerChain(p);
      const text: number[] = [];
      for (let step = 0; step < 60; step++)
        text.push(chain.pick(logitsOf(step), { text, nPrompt: 0 }));
      return text;
    };
    expect(run()).toEqual(run());
  });
});

describe('what excludes each other is refused by name', () => {
  test.each([
    [{ mirostat: 2, topP: 0.9 }, 'top_p', 'mirostat'],
    [{ mirostat: 2, topK: 5 }, 'top_k', 'mirostat'],
    [{ mirostat: 2, minP: 0.1 }, 'min_p', 'mirostat'],
    [{ mirostat: 2, xtcProbability: 0.5 }, 'xtc_probability', 'mirostat'],
    [{ mirostat: 2, samplers: ['temperature'] }, 'samplers', 'mirostat'],
    [{ mirostat: 2, temperature: 0 }, 'mirostat', 'temperature 0'],
    [{ xtcProbability: 0.5, temperature: 0 }, 'xtc_probability', 'temperature 0'],
    [{ topP: 0.5, samplers: ['top_k'] }, 'top_p', '"samplers" without "top_p"'],
    [{ dryMultiplier: 1, samplers: [] }, 'dry_multiplier', '"samplers" without "dry"'],
    [{ logitBias: [[N_VOCAB, 1]] }, 'logit_bias', `id ${N_VOCAB} is not in the vocabulary`],
    [{ logitBias: [[-1, 1]] }, 'logit_bias', 'id -1 is not in the vocabulary'],
  ] as [Partial<SamplingParams>, string, string][])('%j', (changes, param, part) => {
    const check = () => checkSampling(params(changes), N_VOCAB);
    expect(check).toThrow(part);
    expect(check).toThrow(expect.objectContaining({ code: 'E_REQUEST_INVALID', param }));
  });

  test.each([
    {},
    { temperature: 0, topP: 0.9, topK: 3 },
    { mirostat: 2, repetitionPenalty: 1.1, dryMultiplier: 1, temperature: 0.5 },
    { samplers: [] },
    { logitBias: [[0, -100]] },
  ] as Partial<SamplingParams>[])('%j passes', (changes) => {
    checkSampling(params(changes), N_VOCAB);
  });
});
