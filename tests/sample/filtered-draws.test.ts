/** Draws under a filter: what is refused never comes, what is allowed keeps its shares. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import type { SamplingParams } from '../../engine/sample/params.ts';
import { SamplerChain } from '../../engine/sample/chain.ts';
import type { TokenFilter } from '../../engine/sample/chain.ts';
import { chiSquare, chiSquareBound } from '../support/chi-square.ts';
import { seededRandom } from '../support/random.ts';

const N_VOCAB = 200;
const random = seededRandom(11);
const logits = Float32Array.from({ length: N_VOCAB }, () => 5 * random());

function filterOf(allowed: (token: number) => boolean): TokenFilter & { nMask: number } {
  return {
    nMask: 0,
    allows: allowed,
    mask() {
      this.nMask++;
      const bits = new Uint32Array(Math.ceil(N_VOCAB / 32));
      for (let t = 0; t < N_VOCAB; t++) if (allowed(t)) bits[t >> 5]! |= 1 << (t & 31);
      return bits;
    },
  };
}

const pick = (changes: Partial<SamplingParams>, filter: TokenFilter, step: number): number =>
  new SamplerChain({ ...DEFAULT_SAMPLING, ...changes }).pick(
    logits,
    { text: new Array<number>(step), nPrompt: 0 },
    null,
    filter,
  );

describe('a filter', () => {
  it.each([
    ['that refuses few, by drawing again', (t: number) => t % 5 !== 0, false],
    ['that allows few, by its mask', (t: number) => t % 40 === 3, true],
  ])('%s', (_, allowed, usesMask) => {
    const filter = filterOf(allowed);
    const nDraw = 6000;
    const counts = new Array<number>(N_VOCAB).fill(0);
    for (let step = 0; step < nDraw; step++) counts[pick({ seed: 7 }, filter, step)]!++;
    const mass = [...logits].map((x, t) => (allowed(t) ? Math.exp(x) : 0));
    const total = mass.reduce((a, b) => a + b, 0);
    const classes = mass.flatMap((m, t) => ((m / total) * nDraw >= 10 ? [t] : []));
    const rest = mass.reduce((a, m, t) => (classes.includes(t) ? a : a + m / total), 0);
    const others = nDraw - classes.reduce((a, t) => a + counts[t]!, 0);
    const found = chiSquare(
      [...classes.map((t) => counts[t]!), others],
      [...classes.map((t) => mass[t]! / total), rest],
    );
    expect(counts.every((count, t) => count === 0 || allowed(t))).toBe(true);
    expect(found).toBeLessThan(chiSquareBound(classes.length + 1));
    expect(filter.nMask > 0).toBe(usesMask);
  });

  it.each([0, 1, 2, 150])(
    'greedy: the likeliest that is allowed, behind %i better ones',
    (skip) => {
      const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!);
      const refused = new Set(order.slice(0, skip));
      const filter = filterOf((token) => !refused.has(token));
      expect(pick({ temperature: 0 }, filter, 0)).toBe(order[skip]);
      expect(pick({ temperature: 0, repetitionPenalty: 1.2 }, filter, 0)).toBe(order[skip]);
    },
  );

  it('takes an allowed token where a narrow chain left none', () => {
    const filter = filterOf((token) => token === 17);
    expect(pick({ topK: 3, seed: 5 }, filter, 0)).toBe(17);
  });

  it.each([0, 1])('at temperature %d is heard before what forbids tokens', (temperature) => {
    const filter = filterOf((token) => token === 17 || token === 18);
    const forbidding = (tokens: readonly number[]) => ({
      ...{ temperature, seed: 5, bannedWords: tokens.map((token) => [token]) },
    });
    expect(pick(forbidding([17]), filter, 0)).toBe(18);
    expect([17, 18]).toContain(pick(forbidding([17, 18]), filter, 0));
    const ends = { temperature, minTokens: 3, endTokens: [17, 18] };
    expect([17, 18]).toContain(pick(ends, filter, 0));
  });
});
