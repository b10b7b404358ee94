/** Rated answers as rows: what is learned, what is only read, and which pairs are made. */
import { expect, test } from 'vitest';
import { feedbackRows } from '../../../scripts/finetune/feedback/feedback-rows.ts';
import type { SessionFeedback } from '../../../scripts/finetune/feedback/read-feedback.ts';
import { parseRows } from '../../../scripts/finetune/rows.ts';

const user = (content: string) => ({ role: 'user', content });
const said = (content: string) => ({ role: 'assistant', content });

function session(
  texts: readonly string[],
  ratings: readonly (readonly [number, 'up' | 'down', string?])[],
): SessionFeedback {
  return {
    ...{ id: 'me/one', object: 'session.feedback' },
    messages: texts.map((text, i) => (i % 2 === 0 ? user(text) : said(text))),
    ratings: ratings.map(([turn, rating, better = null]) => ({
      ...{ turn, rating, better, created_at: 0 },
    })),
  };
}

const parsed = (rows: readonly object[]) =>
  parseRows(rows.map((row) => JSON.stringify(row)).join('\n'), 'feedback.jsonl');

test('answers that were rated up are learned, and better ones; those before them are read only', () => {
  const sessions = [
    session(['a', 'A', 'b', 'B', 'c', 'C'], [[2, 'up'], [3, 'down', 'CC'], [1, 'down']]), // prettier-ignore
    session(['d', 'D'], [[1, 'up', 'DD']]),
  ];
  const rows = feedbackRows(sessions, 'answers');
  const before = [user('a'), { ...said('A'), weight: 0 }, user('b')];
  expect(rows).toEqual([
    { messages: [...before, said('B')] },
    { messages: [...before, { ...said('B'), weight: 0 }, user('c'), said('CC')] },
    { messages: [user('d'), said('DD')] },
  ]);
  expect(parsed(rows).map(({ row }) => row.form)).toEqual(['messages', 'messages', 'messages']);
});

test('pairs are of a better text, and of answers to the same messages', () => {
  const sessions = [
    session(['a', 'A1'], [[1, 'up']]),
    session(['a', 'A2'], [[1, 'down']]),
    session(['a', 'A1'], [[1, 'down']]),
    session(['other', 'A3'], [[1, 'down']]),
    session(['b', 'B'], [[1, 'down', 'BB']]),
    session(['b', 'B'], [[1, 'down', 'BB']]),
  ];
  const rows = feedbackRows(sessions, 'preferences');
  expect(rows).toEqual([
    { prompt: [user('a')], chosen: [said('A1')], rejected: [said('A2')] },
    { prompt: [user('b')], chosen: [said('BB')], rejected: [said('B')] },
  ]);
  expect(parsed(rows).map(({ row }) => row.form)).toEqual(['preference', 'preference']);
});

test('what gives nothing is refused with what it would give', () => {
  const up = [session(['a', 'A'], [[1, 'up']])];
  expect(() => feedbackRows(up, 'preferences')).toThrow(
    /1 rated answers .* give no preferences\. Take --from-feedback answers/,
  );
  expect(() => feedbackRows([], 'answers')).toThrow(/0 rated answers .*"allow_training": true/);
  // Empty answers teach nothing.
  expect(() => feedbackRows([session(['a', ' '], [[1, 'up']])], 'answers')).toThrow(/give no/);
});

test('there are at most 64 pairs for the same messages', () => {
  const sessions = Array.from({ length: 40 }, (_, i) =>
    session(['a', `A${i}`], [[1, i % 2 === 0 ? 'up' : 'down']]),
  );
  expect(feedbackRows(sessions, 'preferences')).toHaveLength(64);
});
