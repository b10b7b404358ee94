/** Tasks on the real SmolLM2-135M-Instruct: what even a small model gets right. */
import { basename, dirname } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { loadLocalModel } from '../../scripts/node-host/engine.ts';
import { localTaskHost } from '../../scripts/node-host/task.ts';
import { checkBody } from '../../worker/http/body/json-body.ts';
import * as tasks from '../../worker/serving/tasks/index.ts';
import { runTask, type Task } from '../../worker/serving/tasks/task.ts';
import type { TaskHost } from '../../worker/serving/tasks/task-model.ts';
import { importedFrom, smollm2Gguf } from '../support/models.ts';

let host: TaskHost;
beforeAll(async () => {
  const { folder } = await importedFrom(smollm2Gguf(), 'lossless', 'decoder');
  const model = await loadLocalModel(basename(folder), { nCtx: 1024 }, dirname(folder));
  host = localTaskHost(model, new AbortController().signal);
});

async function ask<T>(task: Task, body: object): Promise<T> {
  for await (const event of runTask(task, host, checkBody(body, task.body)))
    if (event.type === 'done') return event.answer as T;
  throw new Error('no answer');
}

const REVIEWS: readonly (readonly [text: string, label: string])[] = [
  ['I love this film, it is wonderful!', 'positive'],
  ['The food was delicious and the staff were kind.', 'positive'],
  ['A great day with good friends!', 'positive'],
  ['Excellent service, fast delivery.', 'positive'],
  ['I am very happy with the result.', 'positive'],
  ['Best purchase I ever made.', 'positive'],
  ['She sings beautifully.', 'positive'],
  ['We had so much fun.', 'positive'],
  ['The hotel was clean and quiet.', 'positive'],
  ['An amazing book from start to end.', 'positive'],
  ['What a terrible, boring waste of time.', 'negative'],
  ['I hated every minute of it.', 'negative'],
  ['The service was awful and the room was dirty.', 'negative'],
  ['It broke after two days.', 'negative'],
  ['The worst meal of my life.', 'negative'],
  ['I am so disappointed.', 'negative'],
  ['The staff were rude.', 'negative'],
  ['Never buy this again.', 'negative'],
  ['A dull and stupid story.', 'negative'],
  ['I feel sick and sad.', 'negative'],
];

test('classify finds the sentiment of plain sentences', { timeout: 120_000 }, async () => {
  const labels = ['positive', 'negative'];
  let nRight = 0;
  for (const [text, label] of REVIEWS)
    if ((await ask<{ label: string }>(tasks.classify, { text, labels })).label === label) nRight++;
  // By chance so many of twenty are right about once in a thousand times.
  expect(nRight).toBeGreaterThanOrEqual(17);
});

const PASSAGES = [
  'The Eiffel Tower is a tower in Paris. It was built by the company of Gustave Eiffel in 1889.',
  'The recipe needs two eggs, a cup of flour and some milk. Bake it for forty minutes.',
  'Returns are accepted within 30 days of purchase. The battery lasts about nine hours.',
];

test(
  'answer quotes the right sentence, and says where there is none',
  { timeout: 120_000 },
  async () => {
    const rows: readonly (readonly [question: string, quote: RegExp, passage: number])[] = [
      ['Who built the Eiffel Tower?', /Gustave Eiffel/, 0],
      ['How many eggs does the recipe need?', /two eggs/, 1],
      ['How long does the battery last?', /nine hours/, 2],
    ];
    for (const [question, quote, passage] of rows) {
      const answer = await ask<{
        answer: string;
        quotes: { text: string; passage: number; start: number; end: number }[];
      }>(tasks.answer, { question, passages: PASSAGES });
      const [first] = answer.quotes;
      expect(first).toMatchObject({ passage, text: expect.stringMatching(quote) as string });
      expect(PASSAGES[passage]?.slice(first?.start, first?.end)).toBe(first?.text);
    }
    const none = { question: 'What is the capital of Japan?', passages: PASSAGES };
    expect(await ask(tasks.answer, none)).toMatchObject({ found: false, quotes: [] });
  },
);
