/** Answers that are checked while they are streamed: what passes under each policy, and what is reported. */
import { describe, expect, test } from 'vitest';
import { NO_USAGE } from '../../../engine/generate/types.ts';
import type { Delta } from '../../../worker/serving/generation/run-generation.ts';
import { AnswerCheck, NOTHING_SAID } from '../../../worker/serving/grounding/check-claims.ts';
import type { Check } from '../../../worker/serving/grounding/policy.ts';

const PASSAGES = [
  { text: 'The tower is 330 metres tall. It was built by Gustave Eiffel.', heading: 'Tower' },
  { text: 'The bridge is 120 metres long.', heading: 'Bridge' },
];
const QUESTION = 'How tall is the tower?';

async function* deltasOf(texts: readonly string[], reason: 'stop' | 'content_filter') {
  await Promise.resolve();
  yield { type: 'start', choice: 0, usage: { ...NO_USAGE } } as Delta;
  for (const text of texts) yield { type: 'text', choice: 0, text, tokens: [] } as unknown as Delta;
  yield { type: 'done', choice: 0, reason, stop: null, usage: { ...NO_USAGE } } as Delta;
}

async function pass(
  policy: Check,
  text: string,
  size = 4,
  reason: 'stop' | 'content_filter' = 'stop',
) {
  const check = await AnswerCheck.over(policy, PASSAGES, QUESTION);
  const parts = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
  const texts: string[] = [];
  for await (const delta of check!.pass(deltasOf(parts, reason)))
    if (delta.type === 'text') texts.push(delta.text);
  return { text: texts.join(''), texts, claims: check!.claims };
}

const RIGHT = 'The tower is 330 metres tall.';
const WRONG = 'The tower is 324 metres tall.';

test('nothing is checked without a policy', async () => {
  expect(await AnswerCheck.over('off', PASSAGES, QUESTION)).toBeNull();
});

describe.each([1, 5, 1000])('in parts of %i characters', (size) => {
  test.each<[Check, string, string, string[]]>([
    ['mark', RIGHT, `${RIGHT} [1]`, ['kept']],
    ['mark', WRONG, WRONG, ['kept']],
    ['mark', `${WRONG} ${RIGHT}`, `${WRONG} ${RIGHT} [1]`, ['kept', 'kept']],
    ['drop', `${WRONG} ${RIGHT}`, `${RIGHT} [1]`, ['dropped', 'kept']],
    ['drop', WRONG, NOTHING_SAID, ['dropped']],
    ['quote', WRONG, `${RIGHT} [1]`, ['quoted']],
    ['quote', `${WRONG} It is 324 m.`, `${RIGHT} [1]`, ['quoted', 'dropped']],
    ['quote', 'The documents do not say.', `${RIGHT} [1]`, ['quoted']],
    [
      'quote',
      `${RIGHT} It was built by Gustave Eiffel.`,
      `${RIGHT} [1] It was built by Gustave Eiffel. [1]`,
      ['kept', 'kept'],
    ],
    ['drop', `${RIGHT} It was built by Ole Brekke.`, `${RIGHT} [1]`, ['kept', 'dropped']],
    ['quote', `Hello! ${RIGHT}`, `Hello! ${RIGHT} [1]`, ['kept', 'kept']],
    // A mark of the model's own is a guess.
    ['quote', '330 metres [2]', '330 metres [1]', ['kept']],
    ['mark', '[1]', NOTHING_SAID, []],
    ['quote', '', '', []],
  ])('%s: %j becomes %j', async (policy, said, expected, actions) => {
    const { text, claims } = await pass(policy, said, size);
    expect(text).toBe(expected);
    expect(claims.map(({ action }) => action)).toEqual(actions);
    for (const { action, start, end, said: model } of claims) {
      if (action === 'kept') expect(text.slice(start, end)).toBe(model);
      if (action === 'dropped') expect(end).toBe(start);
    }
  });
});

test('a sentence passes before the next is complete', async () => {
  const { texts } = await pass('quote', `${RIGHT} ${RIGHT} The`, 1000);
  expect(texts.length).toBeGreaterThan(1);
});

test('each fact is reported with its verdict and each claim with its sources', async () => {
  const { claims } = await pass('mark', `${WRONG} It was built by Gustave Eiffel.`);
  expect(claims).toMatchObject([
    {
      verdict: 'contradicted',
      facts: [{ text: '324', kind: 'quantity', verdict: 'contradicted' }],
      sources: [],
    },
    { verdict: 'supported', facts: [{ kind: 'name', verdict: 'supported' }] },
  ]);
});

test('an answer that a policy has ended gets nothing added', async () => {
  expect((await pass('drop', WRONG, 4, 'content_filter')).text).toBe('');
});
