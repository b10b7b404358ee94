/** Beam search against every text that there is. */
import { expect, test } from 'vitest';
import { beamSearch, type Candidate } from '../../../scripts/eval/captions/beam-search.ts';
import { SeededRandom } from '../../../scripts/lib/seeded-random.ts';

const END = 0;
const N_TOKEN = 4;
const MAX_TOKENS = 5;

/** Probabilities of the token after each one, by chance. */
function chain(seed: number): (text: readonly number[]) => Candidate[] {
  const random = new SeededRandom(seed);
  const rows = Array.from({ length: N_TOKEN }, () => {
    const weights = Array.from({ length: N_TOKEN }, () => random.next() ** 3 + 1e-3);
    const sum = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => Math.log(weight / sum));
  });
  return (text) =>
    rows[text.at(-1) ?? 1]!.map((logprob, token) => ({ token, logprob })).toSorted(
      (a, b) => b.logprob - a.logprob,
    );
}

const search = (next: (text: readonly number[]) => Candidate[], nBeam: number) =>
  beamSearch({
    ...{ nBeam, maxTokens: MAX_TOKENS, ends: [END] },
    follow: (texts) => Promise.resolve(texts.map(next)),
  });

function scoreOf(next: (text: readonly number[]) => Candidate[], text: readonly number[]): number {
  const whole = [...text, END];
  const sum = whole.reduce(
    (total, token, i) =>
      total + next(whole.slice(0, i)).find((one) => one.token === token)!.logprob,
    0,
  );
  return sum / whole.length;
}

/** The best of all texts that end within the limit. */
function best(next: (text: readonly number[]) => Candidate[]): number[] {
  let texts: number[][] = [[]];
  const all: number[][] = [[]];
  for (let length = 1; length < MAX_TOKENS; length++) {
    texts = texts.flatMap((text) => [1, 2, 3].map((token) => [...text, token]));
    all.push(...texts);
  }
  return all.toSorted((a, b) => scoreOf(next, b) - scoreOf(next, a))[0]!;
}

test('one beam is greedy', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const next = chain(seed);
    const greedy: number[] = [];
    while (greedy.length < MAX_TOKENS) {
      const { token } = next(greedy)[0]!;
      if (token === END) break;
      greedy.push(token);
    }
    expect(await search(next, 1)).toEqual(greedy);
  }
});

test('as many beams as there are texts find the best, and three are seldom worse than greedy', async () => {
  let [better, worse] = [0, 0];
  for (let seed = 0; seed < 200; seed++) {
    const next = chain(seed);
    const all = await search(next, 4 ** MAX_TOKENS);
    expect(scoreOf(next, all)).toBeCloseTo(scoreOf(next, best(next)), 9);
    const [greedy, three] = [await search(next, 1), await search(next, 3)];
    // A text that was cut has no score.
    if (Math.max(greedy.length, three.length) === MAX_TOKENS) continue;
    const gain = scoreOf(next, three) - scoreOf(next, greedy);
    if (gain > 1e-9) better++;
    if (gain < -1e-9) worse++;
  }
  expect(better).toBeGreaterThan(4 * worse);
});

test('a text that does not end is as long as is allowed', async () => {
  const next = (): Candidate[] => [{ token: 2, logprob: 0 }];
  expect(await search(next, 2)).toEqual([2, 2, 2, 2, 2]);
});
