/** Tasks over HTTP: structure, constraints, streams, errors, and the likelihoods against completions. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { classifyPrompt } from '../../worker/serving/tasks/prompts/classify.ts';
import { contentText } from '../../worker/serving/conversation/message.ts';
import { CONTENT_FREE_TEXTS } from '../../worker/serving/tasks/prompts/content-free.ts';
import { MAX_SENTENCES } from '../../worker/serving/tasks/answer.ts';
import { MAX_LABELS } from '../../worker/serving/tasks/classify.ts';
import { findLoop } from '../../worker/serving/tasks/loops.ts';
import { MAX_CHUNKS, MAX_TEXT_CHARS } from '../../worker/serving/tasks/fields.ts';
import { sseData, shareTestServer, type SharedServer } from '../support/http-server.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer();
});
afterAll(() => server.close());

type Json = Record<string, unknown>;

async function task<T = Json>(name: string, body: object): Promise<T> {
  const response = await server.post(`/v1/tasks/${name}`, body);
  const json = await response.json<T>();
  expect([response.status, response.status === 200 ? '' : JSON.stringify(json)]).toEqual([200, '']);
  return json;
}

const story = (nTime: number): string =>
  Array.from(
    { length: nTime },
    (_, i) => `Lily had ${i} red balls. She went to the park. Tom was there, too.`,
  ).join('\n\n');

describe('summarize', () => {
  interface Summary {
    summary: string;
    chunks: number;
    rounds: number;
    finish_reason: string;
    usage: { prompt_tokens: number; completion_tokens: number };
  }

  test('a short text at once, with at most the words asked for, the same again', async () => {
    const body = { text: story(1), max_words: 5 };
    const first = await task<Summary>('summarize', body);
    expect(first).toMatchObject({ object: 'task.summarize', chunks: 1, rounds: 1 });
    const words = first.summary.split(/\s+/);
    expect(words.length).toBeGreaterThan(0);
    expect(words.length).toBeLessThanOrEqual(5);
    expect((await task<Summary>('summarize', body)).summary).toBe(first.summary);
    // A generation that is ended at a word counts the tokens it made.
    expect(first.usage.completion_tokens).toBeGreaterThan(4);
  });

  test('a text beyond the context in pieces, then their summaries; usage is of all', async () => {
    const answer = await task<Summary>('summarize', { text: story(40), max_words: 10 });
    expect(answer.chunks).toBeGreaterThan(2);
    expect(answer.rounds).toBeGreaterThan(1);
    expect(answer.usage.prompt_tokens).toBeGreaterThan(512);
  });

  test('a generation that ends by its tokens counts them', async () => {
    const body = { text: story(1), max_words: 300, max_tokens: 9 };
    const { finish_reason, usage } = await task<Summary>('summarize', body);
    expect(finish_reason).toBe('length');
    expect(usage.completion_tokens).toBe(9);
  });

  test('points are points, at any temperature', async () => {
    for (const seed of [1, 2]) {
      const body = { text: story(1), style: 'bullet', max_words: 200, temperature: 1.5, seed };
      const { summary } = await task<Summary>('summarize', { ...body, max_tokens: 80 });
      const lines = summary.split('\n');
      expect(lines.length).toBeLessThanOrEqual(8);
      for (const line of lines) expect(line).toMatch(/^- \S/);
    }
  });

  test('a stream ends with the whole answer, whose text its deltas are', async () => {
    const body = { text: story(1), max_words: 12, stream: true };
    const events = await Array.fromAsync(sseData(await server.post('/v1/tasks/summarize', body)));
    expect(events.at(-1)).toBe('[DONE]');
    const chunks = events.slice(0, -1).map((data) => JSON.parse(data) as Json);
    const text = chunks.slice(0, -1).map(({ object, delta }) => {
      expect(object).toBe('task.delta');
      return delta as string;
    });
    const { summary } = await task<Summary>('summarize', { ...body, stream: false });
    expect(chunks.at(-1)).toMatchObject({ object: 'task.summarize', summary });
    expect(text.join('').trimEnd()).toBe(summary);
  });
});

test('translate keeps lines, marks, code and numbers, whatever the model writes', async () => {
  const text = '# Head\n\n- One cat\n  2. Two dogs\n\n```\nlet x = 1;\n```\n---\n12:30\n';
  const answer = await task<{ translation: string; chunks: number }>('translate', {
    ...{ text, target: 'French', max_tokens: 12 },
  });
  expect(answer.chunks).toBe(3);
  const lines = answer.translation.split('\n');
  expect(lines.map((line) => /^\s*(#|-(?= )|\d\.)?/.exec(line)![0])).toEqual(
    text.split('\n').map((line) => /^\s*(#|-(?= )|\d\.)?/.exec(line)![0]),
  );
  expect(lines.slice(5)).toEqual(text.split('\n').slice(5));
});

test.each([
  ['rewrite', { tone: 'formal' }],
  ['translate', { target: 'French' }],
])('%s ends an answer that goes round in circles, and says so', async (name, fields) => {
  // What this model makes of this text it would repeat until its tokens ran out.
  const answer = await task<{
    text?: string;
    translation?: string;
    finish_reason: string;
    usage: { completion_tokens: number };
  }>(name, { text: 'The dog is brown.', ...fields });
  expect(answer.finish_reason).toBe('repetition');
  expect(answer.usage.completion_tokens).toBeLessThan(120);
  const made = (answer.text ?? answer.translation)!;
  expect(made.length).toBeGreaterThan(0);
  expect(findLoop(made)).toBeNull();
});

test('rewrite cuts what does not fit and keeps the pieces apart', async () => {
  const answer = await task<{ text: string; chunks: number }>('rewrite', {
    ...{ text: story(12), tone: 'formal', max_tokens: 40 },
  });
  expect(answer.chunks).toBeGreaterThan(1);
  expect(answer.text.split('\n\n').length).toBeGreaterThanOrEqual(answer.chunks);
});

describe('extract', () => {
  const schema = {
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 10 },
      balls: { type: 'array', items: { type: 'integer', minimum: 0, maximum: 99 }, maxItems: 4 },
    },
    required: ['name', 'balls'],
    additionalProperties: false,
  };
  interface Extracted {
    data: { name: string; balls: number[] };
    chunks: number;
    left_out: number;
  }

  test.each([1, 12])('satisfies the schema, over a text of %d paragraphs', async (nTime) => {
    const body = { text: story(nTime), schema, max_tokens: 60, temperature: 1, seed: 5 };
    const { data, chunks } = await task<Extracted>('extract', body);
    expect(chunks > 1).toBe(nTime > 1);
    expect(Object.keys(data)).toEqual(['name', 'balls']);
    expect([...data.name].length).toBeLessThanOrEqual(10);
    expect(data.balls.length).toBeLessThanOrEqual(4);
    for (const ball of data.balls)
      expect(Number.isInteger(ball) && ball >= 0 && ball < 100).toBe(true);
  });
});

describe('classify', () => {
  interface Classified {
    label: string | null;
    labels: {
      label: string;
      probability: number;
      likelihood: number;
      prior: number;
      applies: boolean;
    }[];
    chunks: number;
    usage: { prompt_tokens: number; prompt_tokens_details: { cached_tokens: number } };
  }
  const text = 'Lily was so happy. She smiled and hugged her mom.';
  const labels = ['happy', 'sad', 'a big red ball'];

  /** e to the mean log-probability of a label behind the prompt, by plain completions. */
  async function likelihoodOf(subject: string, label: string): Promise<number> {
    const rows = labels.map((one) => ({ label: one }));
    const [content] = classifyPrompt(subject, rows).map((message) => contentText(message.content));
    const tokens = async (body: object): Promise<number[]> => {
      const response = await server.post('/tokenize', body);
      return (await response.json<{ tokens: number[] }>()).tokens;
    };
    const prompt = await tokens({ text: content, add_special: true });
    const own = await tokens({ text: label });
    const body = { prompt: [...prompt, ...own], max_tokens: 0, echo: true, logprobs: 0 };
    const response = await server.post('/v1/completions', body);
    const { choices } = await response.json<{
      choices: { logprobs: { token_logprobs: (number | null)[] } }[];
    }>();
    const logprobs = choices[0]!.logprobs.token_logprobs.slice(prompt.length) as number[];
    expect(logprobs).toHaveLength(own.length);
    return Math.exp(logprobs.reduce((a, b) => a + b, 0) / own.length);
  }

  const distribution = async (subject: string): Promise<number[]> => {
    const all: number[] = [];
    for (const label of labels) all.push(await likelihoodOf(subject, label));
    const sum = all.reduce((a, b) => a + b, 0);
    return all.map((one) => one / sum);
  };

  test('likelihoods, prior and probabilities are those of completions', async () => {
    const answer = await task<Classified>('classify', { text, labels });
    const own = await distribution(text);
    const free: number[][] = [];
    for (const subject of CONTENT_FREE_TEXTS) free.push(await distribution(subject));
    const prior = labels.map((_, i) => free.reduce((sum, row) => sum + row[i]!, 0) / free.length);
    const weights = own.map((p, i) => p / prior[i]!);
    const total = weights.reduce((a, b) => a + b, 0);
    answer.labels.forEach((row, i) => {
      expect(row.label).toBe(labels[i]);
      expect(row.likelihood).toBeCloseTo(own[i]!, 5);
      expect(row.prior).toBeCloseTo(prior[i]!, 5);
      expect(row.probability).toBeCloseTo(weights[i]! / total, 5);
    });
    const best = weights.indexOf(Math.max(...weights));
    expect(answer.label).toBe(labels[best]);
    expect(answer.labels.map(({ applies }) => applies)).toEqual(labels.map((_, i) => i === best));
    // Each label but the first finds the prompt in the cache.
    const { prompt_tokens: nPrompt, prompt_tokens_details: details } = answer.usage;
    expect(details.cached_tokens).toBeGreaterThan(0.5 * nPrompt);
  });

  test('without calibration the likelihoods stay, with several labels each stands alone', async () => {
    const raw = await task<Classified>('classify', { text, labels, calibrate: false });
    for (const { probability, likelihood } of raw.labels)
      expect(probability).toBeCloseTo(likelihood, 12);
    const multi = await task<Classified>('classify', { text, labels, multi_label: true });
    for (const [i, { probability, likelihood, prior, applies }] of multi.labels.entries()) {
      expect(likelihood).toBeCloseTo(await likelihoodOf(text, labels[i]!), 5);
      expect(probability).toBeCloseTo(likelihood / (likelihood + prior), 12);
      expect(applies).toBe(probability > 0.5);
    }
  });

  test('a long text counts piece by piece', async () => {
    const { chunks, labels: rows } = await task<Classified>('classify', {
      text: story(30),
      labels,
    });
    expect(chunks).toBeGreaterThan(1);
    expect(rows.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 9);
  });
});

describe('answer', () => {
  const passages = [
    ' Lily has a red ball.\nHer dog is brown 😀. It barks.',
    'Tom went to the park \ud800 today.',
    'Lily has a red ball.',
  ];
  interface Answered {
    found: boolean;
    answer: string | null;
    best_gain: number;
    sentences: number;
    quotes: { text: string; passage: number; start: number; end: number; gain: number }[];
  }
  const body = { passages, question: 'Where did Tom go?', max_tokens: 16 };

  test('quotes stand where they are said to, the best first', async () => {
    const answer = await task<Answered>('answer', { ...body, max_quotes: 5, min_gain: -100 });
    expect(answer).toMatchObject({ found: true, sentences: 5 });
    expect(answer.quotes).toHaveLength(5);
    for (const { text, passage, start, end } of answer.quotes)
      expect(passages[passage]!.slice(start, end)).toBe(text);
    const gains = answer.quotes.map(({ gain }) => gain);
    expect(gains).toEqual(gains.toSorted((a, b) => b - a));
    expect(gains[0]).toBe(answer.best_gain);
    // The same sentence in two passages is two places.
    const places = answer.quotes.map(({ passage, start }) => `${passage}:${start}`);
    expect(new Set(places).size).toBe(5);
    expect(answer.answer).not.toContain('\n');
  });

  test('where nothing gains enough it says so', async () => {
    const answer = await task<Answered>('answer', { ...body, min_gain: 50 });
    expect(answer).toMatchObject({ found: false, answer: null, quotes: [] });
    expect(answer.best_gain).toBeLessThan(50);
  });
});

describe('what is refused names its field', () => {
  const text = 'Some text.';
  const many = Array.from({ length: MAX_LABELS + 1 }, (_, i) => `label ${i}`);
  test.each<[string, object, string, string]>([
    ['summarize', { text: '' }, 'text', 'not empty'],
    ['summarize', {}, 'text', 'expected a string'],
    ['summarize', { text: 'a'.repeat(MAX_TEXT_CHARS + 1) }, 'text', String(MAX_TEXT_CHARS)],
    ['summarize', { text: 'a b '.repeat(60_000) }, 'text', `at most ${MAX_CHUNKS}`],
    ['summarize', { text, length: 'huge' }, 'length', '"short"'],
    ['summarize', { text, max_words: 0 }, 'max_words', 'at least 1'],
    ['translate', { text }, 'target', 'expected a string'],
    ['translate', { text, target: 'French\nIgnore this' }, 'target', 'one line'],
    ['extract', { text }, 'schema', 'got nothing'],
    ['extract', { text, schema: { $ref: 'https://example.com' } }, 'schema', '$ref'],
    [
      'extract',
      { text, schema: { type: 'string', minLength: 90 }, max_tokens: 5 },
      'max_tokens',
      '',
    ],
    ['classify', { text, labels: [] }, 'labels', 'at least 1'],
    ['classify', { text, labels: ['one'] }, 'labels', 'at least 2'],
    ['classify', { text, labels: ['a', 'b', 'a'] }, 'labels[2]', 'not there yet'],
    ['classify', { text, labels: ['a', ' '] }, 'labels[1]', 'expected a label'],
    ['classify', { text, labels: many }, 'labels', `at most ${MAX_LABELS}`],
    [
      'classify',
      { text, labels: ['a', 'b'], multi_label: true, calibrate: false },
      'calibrate',
      '',
    ],
    ['classify', { text, labels: ['a', 'b'], instruction: 'do '.repeat(500) }, 'text', 'context'],
    ['rewrite', { text }, 'instruction', '"tone"'],
    ['rewrite', { text, tone: 'kind', temperature: 3 }, 'temperature', 'at most 2'],
    ['answer', { question: 'Who?', passages: [] }, 'passages', 'at least 1'],
    ['answer', { question: 'Who?', passages: [text, '\n'] }, 'passages[1]', 'not empty'],
    ['answer', { question: ' ', passages: [text] }, 'question', 'not empty'],
    [
      'answer',
      { question: 'Who?', passages: ['A b.\n'.repeat(MAX_SENTENCES + 1)] },
      'passages',
      '',
    ],
    ['answer', { question: 'Who?', passages: [text], max_quotes: 6 }, 'max_quotes', 'at most 5'],
    ['answer', { question: 'Who?', passages: [text], wat: 1, strict: true }, 'wat', ''],
  ])('%s of %j: %s', async (name, body, param, word) => {
    const response = await server.post(`/v1/tasks/${name}`, body);
    const { error } = await response.json<{ error: { param: string; message: string } }>();
    expect([response.status, error.param]).toEqual([400, param]);
    expect(error.message).toContain(word);
  });

  test('a model that is not there', async () => {
    const response = await server.post('/v1/tasks/summarize', { text, model: 'none' });
    expect(response.status).toBe(404);
  });
});
