import { expect, test } from 'vitest';
import { limitWords } from '../../../worker/serving/tasks/summarize.ts';
import { proseOf } from '../../../worker/serving/tasks/translate.ts';
import type { WriteEvent } from '../../../worker/serving/tasks/task-model.ts';

async function limited(parts: readonly string[], maxWords: number): Promise<[string, string]> {
  async function* events(): AsyncGenerator<WriteEvent, void, void> {
    await Promise.resolve();
    for (const text of parts) yield { type: 'text', text };
    yield { type: 'done', reason: 'stop' };
  }
  let text = '';
  for await (const event of limitWords(events(), maxWords)) {
    if (event.type === 'done') return [text, event.reason];
    text += event.text;
  }
  throw new Error('no end');
}

test('words are counted across parts, and the one too many is not begun', async () => {
  expect(await limited(['One t', 'wo thr', 'ee four'], 3)).toEqual(['One two three ', 'length']);
  expect(await limited(['One t', 'wo.'], 2)).toEqual(['One two.', 'stop']);
  expect(await limited(['- a b\n', '- c d'], 3)).toEqual(['- a b\n- c ', 'length']);
});

test('marks, code and lines without letters are no prose', () => {
  const text = '# Head\n  - [ ] do it\n1. one\n\n42\n```\ncode here\n```\n> quoted';
  const prose = proseOf(text).map(({ start, end }) => text.slice(start, end));
  expect(prose).toEqual(['Head', '[ ] do it', 'one', 'quoted']);
});
