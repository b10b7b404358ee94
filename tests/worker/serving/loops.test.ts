import { expect, test } from 'vitest';
import { findLoop, LOOP_CHARS } from '../../../worker/serving/tasks/loops.ts';
import { endAtSentence } from '../../../worker/serving/tasks/summarize.ts';
import { worstReason } from '../../../worker/serving/tasks/task.ts';
import type { TaskReason } from '../../../worker/serving/tasks/fields.ts';
import type { WriteEvent } from '../../../worker/serving/tasks/task-model.ts';

const INTRO = 'The hut opens in June. ';

test.each([
  ['a phrase', 'we go on, ', 20],
  ['a word', 'so ', 60],
  ['a letter', 'a', LOOP_CHARS],
  ['a long sentence', 'Hikers who leave in sunshine may meet snow by noon, and carry water. ', 4],
])('%s again and again is a loop, which begins after its first time', (_, phrase, times) => {
  const text = INTRO + phrase.repeat(times);
  const loop = findLoop(text);
  expect(loop).not.toBeNull();
  expect(text.slice(0, loop!.at).length).toBeLessThanOrEqual(INTRO.length + phrase.length);
  expect(text.slice(0, loop!.at)).toContain(INTRO.trimEnd());
});

test.each([
  [
    'plain text',
    'The weather changes fast. Hikers who leave in sunshine may meet snow. '.repeat(1),
  ],
  ['emphasis', `${INTRO}No, no, no, no, no!`],
  [
    'a phrase three times',
    'Carry a jacket, water and a map, and tell someone where you go. '.repeat(3),
  ],
  ['a rule of dashes', '-'.repeat(400)],
  ['a loop that has ended', `${'so '.repeat(60)}and that was the end of it.`],
])('%s is none', (_, text) => {
  expect(findLoop(text)).toBeNull();
});

test('a loop that begins within a word leaves no part of it', () => {
  const text = `Je suis là, ${'je suis là, '.repeat(12)}`;
  expect(text.slice(0, findLoop(text)!.at)).toBe('Je suis là, ');
});

test('the worst reason of several is told', () => {
  const worst = (...reasons: TaskReason[]) => worstReason(reasons.map((reason) => ({ reason })));
  expect(worst()).toBe('stop');
  expect(worst('stop', 'length', 'stop')).toBe('length');
  expect(worst('length', 'repetition', 'stop')).toBe('repetition');
});

async function ended(
  parts: readonly string[],
  reason: TaskReason,
  maxWords = 8,
): Promise<[shown: string[], reason: string]> {
  async function* events(): AsyncGenerator<WriteEvent, void, void> {
    await Promise.resolve();
    for (const text of parts) yield { type: 'text', text };
    yield { type: 'done', reason };
  }
  const shown: string[] = [];
  for await (const event of endAtSentence(events(), maxWords)) {
    if (event.type === 'done') return [shown, event.reason];
    shown.push(event.text);
  }
  throw new Error('no end');
}

test('a sentence that a limit cuts off is left out', async () => {
  const parts = ['It rains', '. It costs 3', '.5 pounds. Hik', 'ers'];
  expect(await ended(parts, 'length')).toEqual([['It rains.', ' It costs 3.5 pounds.'], 'length']);
  expect((await ended(parts, 'stop'))[0].join('')).toBe(parts.join(''));
  expect((await ended([...parts, ' go.'], 'length'))[0].join('')).toBe(`${parts.join('')} go.`);
  expect((await ended(['One two', ' three'], 'length'))[0].join('')).toBe('One two three');
  expect((await ended(['- one\n', '- two\n- th'], 'length'))[0].join('')).toBe('- one\n- two\n');
});

test('far from the limit text is shown as it comes', async () => {
  const parts = ['It ra', 'ins', '. Hik', 'ers'];
  expect(await ended(parts, 'length', 100)).toEqual([parts, 'length']);
});
