/** What an answer cost, worked out by hand. */
import { expect, test } from 'vitest';
import { NO_USAGE } from '../../../engine/generate/types.ts';
import { countPasses, resourcesJson } from '../../../worker/serving/accounting/resources.ts';
import { joinChoices } from '../../../worker/serving/accounting/usage.ts';

test.each([
  // One pass takes the prompt and gives the first token, nine more the others.
  ['a short prompt', { promptTokens: 5, completionTokens: 10 }, 10],
  // 48 tokens a pass: 100 take three.
  ['a long prompt', { promptTokens: 100, completionTokens: 1 }, 3],
  ['a cached prompt', { promptTokens: 100, cachedTokens: 60, completionTokens: 1 }, 1],
  ['guesses that held', { promptTokens: 5, completionTokens: 10, acceptedTokens: 4 }, 6],
  ['a prompt that is only scored', { promptTokens: 5 }, 1],
])('passes over the weights: %s', (_what, usage, passes) => {
  expect(countPasses({ ...NO_USAGE, ...usage })).toBe(passes);
});

test('bytes are those of the shards, seconds are those of the object', () => {
  const manifest = {
    shards: [
      { file: 'a', bytes: 1000, sha256: '', layers: null },
      { file: 'b', bytes: 500, sha256: '', layers: null },
    ],
  };
  const usage = {
    ...NO_USAGE,
    promptTokens: 5,
    completionTokens: 2,
    prefillMs: 400,
    decodeMs: 600,
  };
  const resources = resourcesJson(manifest, [usage, usage]);
  expect(resources.weight_bytes_read).toBe(2 * 2 * 1500);
  // A request, two calls of an object, two seconds of 0.128 GB.
  expect(resources.estimated_usd).toBeCloseTo(0.3e-6 + 2 * 0.15e-6 + 2 * 0.128 * 12.5e-6, 12);
  expect(resources.prices_of).toMatch(/^\d{4}-\d\d-\d\d$/);
});

test('choices count their prompt once and their time side by side', () => {
  const one = { ...NO_USAGE, promptTokens: 5, completionTokens: 2, decodeMs: 600 };
  const other = { ...one, completionTokens: 4, decodeMs: 900, cachedTokens: 3 };
  expect(joinChoices([one, other])).toMatchObject({
    ...{ promptTokens: 5, cachedTokens: 3, completionTokens: 6, decodeMs: 900 },
  });
});
