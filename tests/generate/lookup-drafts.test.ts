/** Prompt look-up: what is found, what is predicted, and when predicting is not worth it. */
import { describe, expect, it } from 'vitest';
import { LookupDrafts } from '../../engine/generate/lookup-drafts.ts';
import { PromptLookup } from '../../engine/generate/prompt-lookup.ts';
import { seededRandom } from '../support/random.ts';

/** The last position before the end behind a copy of the longest ending of 4, 3 or 2 tokens. */
function findSlowly(text: readonly number[], runStarts: readonly number[] = []): number | null {
  const runLength = (end: number) => end - (runStarts[end] ?? 0);
  for (const n of [4, 3, 2]) {
    const ending = text.slice(-n).join();
    for (let end = text.length - 1; end >= n && runLength(text.length) >= n; end--)
      if (runLength(end) >= n && text.slice(end - n, end).join() === ending) return end;
  }
  return null;
}

describe('the index', () => {
  it('finds what a search of the whole text finds, as the text grows', () => {
    const random = seededRandom(3);
    let [nThere, nFound, nSame] = [0, 0, 0];
    for (const nToken of [3, 8, 40]) {
      const text: number[] = [];
      const lookup = new PromptLookup(text, 600);
      while (text.length < 600) {
        text.push(Math.floor(random() * nToken));
        // Not at every length: what was passed over is entered later.
        if (random() < 0.3) continue;
        const expected = findSlowly(text);
        const found = lookup.find();
        if (expected !== null) nThere++;
        // An entry may have been overwritten by another gram of the same hash: then less is found.
        if (found === null) continue;
        nFound++;
        if (found.position === expected) nSame++;
        const { position, length } = found;
        expect(text.slice(position - length, position)).toEqual(text.slice(-length));
      }
    }
    expect(nThere).toBeGreaterThan(700);
    expect(nFound).toBeGreaterThan(0.9 * nThere);
    expect(nSame).toBeGreaterThan(0.8 * nFound);
  });

  it('takes no tokens on both sides of rows for neighbours', () => {
    const random = seededRandom(4);
    let [nThere, nFound, nCut] = [0, 0, 0];
    for (const nToken of [2, 3, 5]) {
      const text: number[] = [];
      const runStarts = [0];
      const lookup = new PromptLookup(text, 600, runStarts);
      while (text.length < 600) {
        if (random() < 0.1) runStarts[text.length] = text.length;
        text.push(Math.floor(random() * nToken));
        runStarts.push(runStarts.at(-1));
        const expected = findSlowly(text, runStarts);
        const found = lookup.find();
        if (expected !== null) nThere++;
        if (found === null) continue;
        nFound++;
        const { position, length } = found;
        expect(text.slice(position - length, position)).toEqual(text.slice(-length));
        for (const end of [position, text.length])
          expect(end - length).toBeGreaterThanOrEqual(runStarts[end]!);
        const tokens = lookup.tokensFrom(position, 7);
        expect(tokens.length).toBeGreaterThan(0);
        for (const [i, token] of tokens.entries()) {
          const at = position + (i % (text.length - position));
          expect([text[at], runStarts[at]]).toEqual([token, runStarts[position]]);
        }
        if (tokens.length < 7) nCut++;
      }
    }
    expect(nThere).toBeGreaterThan(700);
    expect(nFound).toBeGreaterThan(0.9 * nThere);
    expect(nCut).toBeGreaterThan(100);
  });

  it('finds nothing in what is new, nor the ending itself', () => {
    const text = [1, 2];
    const lookup = new PromptLookup(text, 16);
    expect(lookup.find()).toBeNull();
    text.push(3, 4);
    expect(lookup.find()).toBeNull();
    text.push(1, 2);
    expect(lookup.find()).toEqual({ position: 2, length: 2 });
  });

  it('goes on with what came then, and repeats it when the text ends first', () => {
    const text = [5, 6, 7, 8, 9, 5, 6];
    const lookup = new PromptLookup(text, 16);
    expect(lookup.tokensFrom(lookup.find()!.position, 3)).toEqual([7, 8, 9]);
    expect(lookup.tokensFrom(5, 5)).toEqual([5, 6, 5, 6, 5]);
  });

  it('never takes a collision for a match', () => {
    const random = seededRandom(9);
    const text = Array.from({ length: 3000 }, () => Math.floor(random() * 1e6));
    // Far too small for the text: almost every entry is overwritten many times.
    const lookup = new PromptLookup(text, 8);
    expect(lookup.find()).toBeNull();
  });
});

describe('drafts', () => {
  const settle = (drafts: LookupDrafts, text: number[], token: number) => {
    const chance = drafts.predict();
    text.push(token);
    drafts.settle(token);
    return chance;
  };

  it('get surer while predictions hold, drafted or not', () => {
    const period = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    const text = [...period, ...period];
    const drafts = new LookupDrafts(text, 200);
    const chances = [];
    for (let i = 0; i < 60; i++) chances.push(settle(drafts, text, period[i % 15]!));
    expect(chances.at(-1)).toBeGreaterThan(0.98);
    expect(drafts.predict()).toBe(chances.at(-1) + 0.12 * (1 - chances.at(-1)));
    expect(drafts.take(4)).toEqual([1, 2, 3, 4]);
  });

  it('fall when predictions fail, and recover when they hold again', () => {
    const text = [1, 2, 3];
    const drafts = new LookupDrafts(text, 2000);
    let next = 100;
    // Endings of two that never go on the same way.
    for (let i = 0; i < 40; i++) for (const token of [1, 2, next++]) settle(drafts, text, token);
    text.push(1, 2);
    const fallen = drafts.predict();
    expect(fallen).toBeLessThan(0.05);
    for (let i = 0; i < 40; i++)
      for (const token of [next, 1, 2, 7, next++]) settle(drafts, text, token);
    text.push(next, 1, 2);
    expect(drafts.predict()).toBeGreaterThan(0.3);
  });

  it('count how many of their tokens came', () => {
    const text = [1, 2, 3, 4, 5, 6, 1, 2, 3];
    const drafts = new LookupDrafts(text, 32);
    drafts.predict();
    expect(drafts.take(3)).toEqual([4, 5, 6]);
    for (const token of [4, 5, 9, 6]) {
      text.push(token);
      drafts.settle(token);
    }
    expect(drafts.nHeld).toBe(2);
  });
});
