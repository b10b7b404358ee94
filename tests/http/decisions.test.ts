/** Decisions: probabilities of given answers, whatever their order, over one reading of the text. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shareTestServer, type SharedServer } from '../support/http-server.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer([]);
});
afterAll(() => server.close());

const text = 'Once upon a time there was a little girl who lived by the sea.';

interface Decision {
  readonly id: string | null;
  readonly type: string;
  readonly decision: boolean | string | number;
  readonly probability: number;
  readonly expected?: number;
  readonly answers: { answer: string | number; probability: number; likelihood: number }[];
}
interface Decisions {
  readonly decisions: Decision[];
  readonly usage: { prompt_tokens: number; prompt_tokens_details: { cached_tokens: number } };
}

async function decided(questions: object[], more: object = {}): Promise<Decisions> {
  const response = await server.post('/v1/decisions', { text, questions, ...more });
  expect(response.status).toBe(200);
  return await response.json<Decisions>();
}

async function paramOf(body: object): Promise<string> {
  const response = await server.post('/v1/decisions', body);
  expect(response.status).toBe(400);
  return (await response.json<{ error: { param: string } }>()).error.param;
}

test('each kind of question has its decision, with probabilities that sum to one', async () => {
  const { decisions } = await decided([
    { id: 'girl', type: 'predicate', question: 'Is it about a girl?' },
    { type: 'choice', question: 'Where did she live?', options: ['by the sea', 'in a car'] },
    { type: 'score', question: 'How happy is it?', min: 0, max: 3 },
  ]);
  expect(decisions.map(({ type }) => type)).toEqual(['predicate', 'choice', 'score']);
  expect(decisions[0]?.id).toBe('girl');
  for (const { answers } of decisions)
    for (const kind of ['probability', 'likelihood'] as const)
      expect(answers.reduce((sum, answer) => sum + answer[kind], 0)).toBeCloseTo(1, 9);
  const [predicate, choice, score] = decisions;
  expect(predicate?.decision).toBe(predicate!.probability > 0.5);
  const best = choice!.answers.toSorted((a, b) => b.probability - a.probability)[0];
  expect([choice?.decision, choice?.probability]).toEqual([best?.answer, best?.probability]);
  expect(score!.answers.map(({ answer }) => answer)).toEqual([0, 1, 2, 3]);
  const mean = score!.answers.reduce((sum, row) => sum + Number(row.answer) * row.probability, 0);
  expect(score?.expected).toBeCloseTo(mean, 9);
});

test('the order of options and of questions changes nothing', async () => {
  const options = ['by the sea', 'in a car', 'on a hill'];
  const asked = (list: readonly string[]) => ({
    type: 'choice',
    question: 'Where?',
    options: list,
  });
  const { decisions } = await decided([asked(options), asked(options.toReversed())]);
  const [first, second] = decisions.map(({ answers }) =>
    answers.toSorted((a, b) => String(a.answer).localeCompare(String(b.answer))),
  );
  for (const [i, row] of first!.entries()) {
    expect(second![i]?.answer).toBe(row.answer);
    expect(second![i]?.probability).toBeCloseTo(row.probability, 9);
  }
});

test('several questions share the reading of the text', async () => {
  const question = { type: 'predicate', question: 'Is it so?' };
  const { usage } = await decided([question, question, question], { calibrate: false });
  const { cached_tokens: cached } = usage.prompt_tokens_details;
  expect(cached).toBeGreaterThan(usage.prompt_tokens / 2);
});

test('what is wrong is named', async () => {
  const wrong = (question: object) => paramOf({ text, questions: [question] });
  const choice = { type: 'choice', question: 'Which?' };
  expect(await wrong({ ...choice, options: ['a'] })).toBe('questions[0].options');
  expect(await wrong({ ...choice, options: ['a', 'b', ' a'] })).toBe('questions[0].options[2]');
  expect(await wrong({ type: 'score', question: 'How?', min: 1, max: 22 })).toBe(
    'questions[0].max',
  );
  expect(await wrong({ type: 'score', question: 'How?', min: 2, max: 2 })).toBe('questions[0].max');
  expect(await wrong({ type: 'guess', question: 'How?' })).toBe('questions[0].type');
  expect(await paramOf({ text, questions: [] })).toBe('questions');
});
