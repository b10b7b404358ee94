/** From logits to a token: every step of the chain against distributions worked out by hand. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import type { SamplingParams } from '../../engine/sample/params.ts';
import { uniformAt } from '../../engine/sample/random.ts';
import { SamplerChain } from '../../engine/sample/chain.ts';
import { topTokens } from '../../engine/sample/top-tokens.ts';
import { chiSquare, chiSquareBound } from '../support/chi-square.ts';
import { seededRandom } from '../support/random.ts';

const DRAWS = 20_000;

function params(changes: Partial<SamplingParams> = {}): SamplingParams {
  return { ...DEFAULT_SAMPLING, seed: 42, ...changes };
}
/** Logits of these probabilities; any constant may be added to them. */
function logitsOf(probabilities: readonly number[]): Float32Array {
  return Float32Array.from(probabilities, (p) => Math.log(p) + 3.5);
}
/** The token drawn behind `step` tokens of completion. */
function sampleToken(logits: Float32Array, p: SamplingParams, step: number): number {
  return new SamplerChain(p).pick(logits, { text: new Array<number>(step).fill(0), nPrompt: 0 });
}
function countDraws(logits: Float32Array, p: SamplingParams): number[] {
  const counts = new Array<number>(logits.length).fill(0);
  const chain = new SamplerChain(p);
  const text: number[] = [];
  for (let step = 0; step < DRAWS; step++) {
    const token = chain.pick(logits, { text, nPrompt: 0 });
    counts[token]!++;
    text.push(token);
  }
  return counts;
}
function expectDrawn(
  logits: Float32Array,
  p: SamplingParams,
  probabilities: readonly number[],
): void {
  const classes = probabilities.filter((x) => x > 0).length;
  expect(probabilities.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 6);
  expect(chiSquare(countDraws(logits, p), probabilities)).toBeLessThan(chiSquareBound(classes));
}

/** Not in order, so that nothing works only because ids are sorted. */
const P = [0.0625, 0.5, 0.125, 0.25, 0.0625];
const LOGITS = logitsOf(P);

describe('the distribution of 20,000 draws', () => {
  it("is the logits' own without any narrowing", () => {
    expectDrawn(LOGITS, params(), P);
  });

  it('is found different from one of another temperature', () => {
    const counts = countDraws(LOGITS, params({ temperature: 1.1 }));
    expect(chiSquare(counts, P)).toBeGreaterThan(2 * chiSquareBound(5));
  });

  it('takes the temperature-th root at temperature 2', () => {
    const roots = P.map(Math.sqrt);
    const sum = roots.reduce((total, x) => total + x, 0);
    expectDrawn(
      LOGITS,
      params({ temperature: 2 }),
      roots.map((x) => x / sum),
    );
  });

  const narrowed: [string, Partial<SamplingParams>, number[]][] = [
    ['top-k 2 keeps 1/2 and 1/4', { topK: 2 }, [0, 2 / 3, 0, 1 / 3, 0]],
    ['top-k 1 keeps the likeliest', { topK: 1 }, [0, 1, 0, 0, 0]],
    ['top-k beyond the vocabulary keeps all', { topK: 99 }, P],
    ['of tied tokens top-k keeps the lower id', { topK: 4 }, [1 / 15, 8 / 15, 2 / 15, 4 / 15, 0]],
    ['top-p 0.4 is reached by the first', { topP: 0.4 }, [0, 1, 0, 0, 0]],
    ['top-p 0.7 is reached by two', { topP: 0.7 }, [0, 2 / 3, 0, 1 / 3, 0]],
    ['top-p 0.8 is reached by three', { topP: 0.8 }, [0, 4 / 7, 1 / 7, 2 / 7, 0]],
    ['top-p 0 keeps one', { topP: 0 }, [0, 1, 0, 0, 0]],
    ['min-p 0.3 keeps what has 0.15', { minP: 0.3 }, [0, 2 / 3, 0, 1 / 3, 0]],
    ['min-p 0.2 keeps what has 0.1', { minP: 0.2 }, [0, 4 / 7, 1 / 7, 2 / 7, 0]],
    ['min-p 1 keeps the likeliest', { minP: 1 }, [0, 1, 0, 0, 0]],
    // 2/3 of what top-k left reaches 0.6, which 1/2 of all would not.
    ['top-p counts what top-k left', { topK: 2, topP: 0.6 }, [0, 1, 0, 0, 0]],
    // 0.5 is reached by the first as it is, by its root (0.34 of all) only with the second.
    ['top-p counts before the temperature', { temperature: 2, topP: 0.5 }, [0, 1, 0, 0, 0]],
    [
      'unless the order says otherwise',
      { temperature: 2, topP: 0.45, samplers: ['temperature', 'top_p'] },
      [0, 0.5857864376, 0, 0.4142135624, 0],
    ],
    // 1/8 has a fourth of the likeliest, which the root makes a half; 1/16 only comes to 0.35.
    [
      'min-p counts before the temperature',
      { temperature: 2, minP: 0.45 },
      [0, 0.5857864376, 0, 0.4142135624, 0],
    ],
    [
      'or after it',
      { temperature: 2, minP: 0.45, samplers: ['temperature', 'min_p'] },
      [0, 0.4530818393, 0.2265409197, 0.320377241, 0],
    ],
    ['a sampler that the order leaves out does nothing', { topK: 1, samplers: ['top_p'] }, P],
  ];
  it.each(narrowed)('%s', (_, changes, probabilities) => {
    expectDrawn(LOGITS, params(changes), probabilities);
  });

  it('leaves out what is masked, and keeps to a single token that is not', () => {
    expectDrawn(logitsOf([0.5, 0, 0.5]), params(), [0.5, 0, 0.5]);
    expectDrawn(logitsOf([0, 0, 1]), params({ topP: 0.9 }), [0, 0, 1]);
  });

  it('is even over tied tokens', () => {
    expectDrawn(new Float32Array(8).fill(-3), params(), new Array<number>(8).fill(1 / 8));
  });
});

describe('as temperature goes to 0', () => {
  const logits = Float32Array.of(1, 1.5, 1.4, -2);
  it.each([1e-3, 1e-6, 1e-300])('only the likeliest is drawn at %s', (temperature) => {
    expect(countDraws(logits, params({ temperature }))).toEqual([0, DRAWS, 0, 0]);
  });
  it('ties stay ties', () => {
    const tied = Float32Array.of(1, 1.5, 1.5, -2);
    expectDrawn(tied, params({ temperature: 1e-6 }), [0, 0.5, 0.5, 0]);
  });
});

describe('seeds', () => {
  const draw = (seed: number) =>
    Array.from({ length: 50 }, (_, step) => sampleToken(LOGITS, params({ seed }), step));

  it('give the same tokens again, and other seeds give others', () => {
    expect(draw(7)).toEqual(draw(7));
    const texts = new Set([0, 1, 2, 7, 2 ** 31, 2 ** 32, 2 ** 32 + 7, 2 ** 53 - 1].map(String));
    const drawn = new Set([...texts].map((seed) => draw(Number(seed)).join()));
    expect(drawn.size).toBe(texts.size);
  });

  it('give the first token its distribution over many requests', () => {
    const counts = new Array<number>(5).fill(0);
    for (let seed = 0; seed < DRAWS; seed++) counts[sampleToken(LOGITS, params({ seed }), 0)]!++;
    expect(chiSquare(counts, P)).toBeLessThan(chiSquareBound(5));
  });

  it.each([0, 1, 12345, 2 ** 32 - 1, 2 ** 45])(
    'give even numbers in [0, 1) whose neighbours are independent, seed %s',
    (seed) => {
      const cells = 16;
      const even = new Array<number>(cells * cells).fill(1 / (cells * cells));
      const alongSteps = new Array<number>(cells * cells).fill(0);
      const alongSeeds = new Array<number>(cells * cells).fill(0);
      const cell = (u: number) => Math.floor(u * cells);
      for (let i = 0; i < DRAWS; i++) {
        const u = uniformAt(seed, i);
        expect(u >= 0 && u < 1).toBe(true);
        alongSteps[cell(u) * cells + cell(uniformAt(seed, i + 1))]!++;
        alongSeeds[cell(uniformAt(seed + i, 3)) * cells + cell(uniformAt(seed + i + 1, 3))]!++;
      }
      expect(chiSquare(alongSteps, even)).toBeLessThan(chiSquareBound(cells * cells));
      expect(chiSquare(alongSeeds, even)).toBeLessThan(chiSquareBound(cells * cells));
    },
  );
});

describe('penalties', () => {
  /** Logits behind a text, from what may be drawn: their differences to the first. */
  const penalized = (
    logits: readonly number[],
    changes: Partial<SamplingParams>,
    prompt: readonly number[],
    completion: readonly number[],
  ) => {
    const context = { text: [...prompt, ...completion], nPrompt: prompt.length };
    const p = new SamplerChain(params(changes)).distribution(Float32Array.from(logits), context);
    return logits.map((_, token) => Math.log(p.get(token)! / p.get(0)!));
  };
  const differences = (logits: readonly number[]) => logits.map((x) => x - logits[0]!);
  const expectLogits = (got: readonly number[], want: readonly number[]) => {
    for (const [i, x] of differences(want).entries()) expect(got[i]).toBeCloseTo(x, 6);
  };

  it('of repetition divide what is positive and multiply what is negative, once a token', () => {
    const got = penalized([2, -2, 1, 0], { repetitionPenalty: 2 }, [0, 0], [1, 0, 3]);
    expectLogits(got, [1, -4, 1, 0]);
  });

  it('of frequency count, of presence do not, and both see the completion only', () => {
    const changes = { frequencyPenalty: 0.5, presencePenalty: 0.25 };
    expectLogits(penalized([1, 1, 1, 1], changes, [0, 0], [1, 1, 2]), [1, -0.25, 0.25, 1]);
    expectLogits(penalized([1, 1], { frequencyPenalty: -0.5 }, [], [1, 1]), [1, 2]);
    expectLogits(penalized([1, 1], { presencePenalty: 2 }, [], [1, 1]), [1, -1]);
  });

  it('of all kinds add up, repetition first', () => {
    const changes = { repetitionPenalty: 2, frequencyPenalty: 0.5, presencePenalty: 0.25 };
    expectLogits(penalized([3, 3], changes, [0], [1]), [1.5, 0.75]);
  });

  it('ignore ids outside the vocabulary', () => {
    const changes = { repetitionPenalty: 2, frequencyPenalty: 1 };
    expectLogits(penalized([4, 5], changes, [1, -1], [9]), [4, 2.5]);
  });

  it('follow the text as it grows', () => {
    const chain = new SamplerChain(params({ frequencyPenalty: 1, temperature: 0 }));
    const context = { text: [] as number[], nPrompt: 0 };
    const logits = Float32Array.of(2.5, 2, 0.75);
    for (let i = 0; i < 6; i++) context.text.push(chain.pick(logits, context));
    // 2.5 2 .75, 1.5 2 .75, 1.5 1 .75, .5 1 .75, .5 0 .75, .5 0 -.25
    expect(context.text).toEqual([0, 1, 0, 1, 2, 0]);
  });

  it('leave greedy picks to the kernel only when none of them says something', () => {
    const greedy = { temperature: 0, topK: 5, topP: 0.5, minP: 0.1 };
    expect(new SamplerChain(params(greedy)).isGreedy).toBe(true);
    for (const changes of [
      { repetitionPenalty: 1.1 },
      { frequencyPenalty: -0.1 },
      { presencePenalty: 0.1 },
      { dryMultiplier: 1 },
      { logitBias: [[1, 5]] as const },
    ])
      expect(new SamplerChain(params({ ...greedy, ...changes })).isGreedy).toBe(false);
  });
});

describe('topTokens', () => {
  it('lists the likeliest first, ties by id', () => {
    const logits = Float32Array.of(1, 3, 2, 3, -1, 3);
    expect(topTokens(logits, 0)).toEqual([]);
    expect(topTokens(logits, 1)).toEqual([1]);
    expect(topTokens(logits, 2)).toEqual([1, 3]);
    expect(topTokens(logits, 4)).toEqual([1, 3, 5, 2]);
    expect(topTokens(logits, 9)).toEqual([1, 3, 5, 2, 0, 4]);
  });

  it('does what sorting does, on values with many ties', () => {
    const random = seededRandom(3);
    for (let run = 0; run < 200; run++) {
      const logits = Float32Array.from({ length: 60 }, () => Math.floor(random() * 12) - 6);
      const sorted = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
      const n = Math.floor(random() * 20);
      expect(topTokens(logits, n)).toEqual(sorted.slice(0, n));
    }
  });
});
