/** Rows to fine-tune on: each form, and what is refused by line and field. */
import { describe, expect, test } from 'vitest';
import { parseRows } from '../../../scripts/finetune/rows.ts';

const user = { role: 'user', content: 'Hi' };
const assistant = { role: 'assistant', content: 'Hello.' };

const lines = (...rows: unknown[]): string =>
  rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n');

test.each([
  ['messages', { messages: [user, assistant] }],
  ['completion', { prompt: 'a', completion: 'b' }],
  ['completion', { prompt: '', completion: 'b' }],
  ['text', { text: 'a b' }],
  ['preference', { prompt: 'a', chosen: 'b', rejected: 'c' }],
  ['preference', { prompt: [user], chosen: [assistant], rejected: 'c' }],
])('of the form %s: %j', (form, row) => {
  const [first, second] = parseRows(`${JSON.stringify(row)}\r\n\n${JSON.stringify(row)}\n`, 'x');
  expect(first).toEqual({ line: 1, row: { form, ...row } });
  expect(second?.line).toBe(3);
});

test("OpenAI's form of a preference is one of ours", () => {
  const [prompt, chosen, rejected] = [[user], [assistant], [{ ...assistant, content: 'No.' }]];
  const row = { input: { messages: prompt }, preferred_output: chosen };
  const [found] = parseRows(lines({ ...row, non_preferred_output: rejected }), 'x');
  expect(found).toEqual({ line: 1, row: { form: 'preference', prompt, chosen, rejected } });
  expect(() => parseRows(lines({ ...row, non_preferred_output: chosen }), 'x')).toThrow(
    /line 1: non_preferred_output: expected another/,
  );
});

describe('refused', () => {
  test.each<readonly [string, RegExp]>([
    ['{"text": "a"', /line 2: is not JSON .*Write one object a line/],
    ['["a"]', /line 2: is not an object\. Write \{"messages"/],
    ['{"question": "a", "answer": "b"}', /line 2: has fields question, answer; expected .*Rename/],
    ['{"text": ""}', /line 2: text: expected text that is not empty\. Correct or remove/],
    ['{"text": 3}', /line 2: text: .*expected string/],
    ['{"messages": "a"}', /line 2: messages: .*expected array/],
    [lines({ messages: [user, { role: 'bot', content: '' }] }), /line 2: messages\.1\.role: /],
    [lines({ messages: [user, { role: 'user' }] }), /line 2: messages\.1\.content: /],
    [lines({ messages: [user, user] }), /line 2: messages: expected a message of the assistant/],
    [
      lines({ messages: [user, { ...assistant, weight: 0 }] }),
      /line 2: messages: expected a message of the assistant without "weight": 0/,
    ],
    [
      lines({ messages: [user, { ...assistant, weight: 0.5 }] }),
      /line 2: messages\.1\.weight: expected 0 or 1/,
    ],
    [lines({ completion: 'a' }), /line 2: prompt: /],
    [lines({ prompt: 'a', chosen: 'b' }), /line 2: rejected: expected a text/],
    [lines({ prompt: 'a', chosen: 'b', rejected: 'b' }), /line 2: rejected: expected another/],
    [lines({ prompt: 'a', chosen: [], rejected: 'b' }), /line 2: chosen: expected a text, or a/],
    [lines({ prompt: 'a', completion: 'b' }), /line 2: is of the form "completion", line 1 of/],
    [`{"text": "${'a'.repeat(4_000_001)}"}`, /line 2: has 40000\d\d characters; expected at most/],
  ])('%.60s', (row, message) => {
    expect(() => parseRows(lines({ text: 'a' }, row), 'x.jsonl')).toThrow(message);
    expect(() => parseRows(lines({ text: 'a' }, row), 'x.jsonl')).toThrow(/^x\.jsonl: 1 of its/);
  });

  test('many at once, of which ten are shown', () => {
    const bad = Array.from({ length: 13 }, () => '{}');
    const run = () => parseRows(lines(...bad), 'x');
    expect(run).toThrow(/x: 13 of its rows .*line 1: .*line 10: .*and 3 more/s);
    expect(run).not.toThrow(/line 11/);
  });

  test.each(['', '\n \n'])('a file without any: %j', (content) => {
    expect(() => parseRows(content, 'x')).toThrow(/x: has no rows\. Give one of/);
  });
});
