/** Ten of the questions of `thimble eval answers` on a small model: what the check lets pass is in the cited text. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  addDocuments,
  ANSWERS_FOLDER,
  askQuestion,
  figuresOf,
  hasAnswer,
  judge,
  type Question,
  QUESTION_FILES,
  readQuestions,
  reportOf,
} from '../../scripts/eval/answers.ts';
import { rankReport } from '../../scripts/eval/retrieval.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { findModelFile } from '../support/needs.ts';

const MODEL = 'smollm2-135m-instruct';
const EMBEDDING = 'all-minilm-l6-v2';
const N_QUESTION = 10;

const isThere = [MODEL, EMBEDDING].every((id) => findModelFile(id) !== null);

describe.skipIf(!isThere)('answers of a small model', () => {
  let server: TestServer;
  beforeAll(async () => {
    // own server: a model that no other file needs.
    server = await startTestServer({ models: [MODEL, EMBEDDING] });
    await addDocuments(server.url);
  });
  afterAll(() => server.close());

  test('have no figure that the cited text does not have', { timeout: 300_000 }, async () => {
    const questions = (await readQuestions()).slice(0, N_QUESTION);
    const asked = [];
    for (const question of questions)
      asked.push(await askQuestion(server.url, MODEL, question, false));
    const checked = asked.flatMap(({ judged }) =>
      judged.filter(({ mode }) => mode === 'drop' || mode === 'quote'),
    );
    expect(checked).toHaveLength(2 * N_QUESTION);
    const foreign = checked.filter(({ hasForeignFigure }) => hasForeignFigure);
    expect(foreign.map(({ mode, text }) => `${mode}: ${text}`)).toEqual([]);
    expect(reportOf('quote', asked).right.value).toBeGreaterThan(
      reportOf('prompt', asked).right.value,
    );
  });
});

test.each([
  [QUESTION_FILES.questions, 200, 30],
  [QUESTION_FILES.paraphrases, 60, 0],
])('%s: each question names its document, and quotes a part of it', async (file, n, nWithout) => {
  const questions = await readQuestions(file);
  expect(questions).toHaveLength(n);
  expect(questions.filter(({ document }) => document === null)).toHaveLength(nWithout);
  for (const { document, quote, answers } of questions) {
    if (document === null) continue;
    const text = await readFile(join(ANSWERS_FOLDER, 'documents', document), 'utf8');
    expect(text).toContain(quote);
    expect(answers.length).toBeGreaterThan(0);
  }
});

test('ranks of the right passage as shares and their mean reciprocal', () => {
  const report = rankReport('questions', { mode: 'vector' }, [1, 2, null, 4]);
  expect(report).toMatchObject({ set: 'questions', mode: 'vector', questions: 4 });
  const { first, firstTwo, firstThree, reciprocalRank } = report;
  expect([first, firstTwo, firstThree].map(({ value }) => value)).toEqual([0.25, 0.5, 0.5]);
  expect(reciprocalRank.value).toBeCloseTo((1 + 1 / 2 + 1 / 4) / 4, 12);
});

describe('the judge', () => {
  const question: Question = {
    question: '',
    document: 'a',
    answers: ['1,200 euros'],
    quote: 'costs 1,200',
  };
  const none: Question = { ...question, document: null, answers: [], quote: null };
  const passage = { document: 'a', heading: '', text: 'It costs 1,200 euros.', cited: false };
  const source = { index: 1, document: 'a', text: passage.text };
  const claim = { said: '', verdict: 'supported', action: 'kept', sources: [source] };
  const judged = (text: string, asked = question) =>
    judge('drop', asked, text, { citations: [passage], claims: [claim] });

  test.each([
    ['1200 euros. [1]', true, false],
    ['It costs 1,200 euros.', true, false],
    ['11,200 euros', false, true],
    ['It costs 1,300 euros.', false, true],
    ['The documents do not say.', false, false],
  ])('finds %j right: %s, with a figure of its own: %s', (text, isRight, hasForeignFigure) => {
    expect(judged(text)).toMatchObject({ isRight, hasForeignFigure, isCitedRight: true });
  });

  test('wants to be told where no document has the answer', () => {
    expect(judged('The documents do not say.', none).isRight).toBe(true);
    expect(judged('1,200 euros', none).isRight).toBe(false);
  });

  test('compares numbers, and times as they are written', () => {
    expect(figuresOf('2.80 at 8:35 for 1,200.50, no. 3.')).toEqual(['2.8', '8:35', '1200.5', '3']);
    expect(hasAnswer('It is 17.25 m', ['7.25'])).toBe(false);
    expect(hasAnswer('about 40°C', ['40 °C'])).toBe(true);
  });
});
