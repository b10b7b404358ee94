/** Redaction through the port: the model and what is stored have placeholders, the caller the values. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { shareTestServer, sseData, type SharedServer } from '../support/http-server.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer([TINY_ENCODER_ID]);
});
afterAll(() => server.close());

const MAIL = 'quuxredacted@example.org';
const CARD = '4111 1111 1111 1111';
const text = `Write to ${MAIL} about ${CARD}.`;
/** The model of the tests writes stories: the pattern makes it write what a larger one would. */
const regex = 'To <EMAIL_1> and <CARD_1>, not <EMAIL_7>';
const restored = `To ${MAIL} and ${CARD}, not <EMAIL_7>`;
const common = { redact: true, regex, max_tokens: 200 };
const HEADER = 'x-thimble-redacted';

async function textOf(path: string): Promise<string> {
  const response = await fetch(`${server.url}${path}`);
  expect(response.status).toBe(200);
  return await response.text();
}

test('chat answers with the values, whole and streamed', async () => {
  const body = { ...common, messages: [{ role: 'user', content: text }] };
  const response = await server.post('/v1/chat/completions', body);
  expect(response.headers.get(HEADER)).toBe('email=1, card=1');
  const { choices } = await response.json<{ choices: { message: { content: string } }[] }>();
  expect(choices[0]?.message.content).toBe(restored);
  const streamed = await server.post('/v1/chat/completions', { ...body, stream: true, n: 2 });
  expect(streamed.headers.get(HEADER)).toBe('email=1, card=1');
  const contents = ['', ''];
  for await (const data of sseData(streamed)) {
    if (data.trim() === '[DONE]') break;
    type Chunk = { choices: { index: number; delta: { content?: string } }[] };
    for (const { index, delta } of (JSON.parse(data) as Chunk).choices)
      contents[index] += delta.content ?? '';
  }
  expect(contents).toEqual([restored, restored]);
});

test('the model reads placeholders: the prompt has as many tokens', async () => {
  const nToken = async (content: string, more: object): Promise<number> => {
    const messages = [{ role: 'user', content }];
    const body = { messages, max_tokens: 1, ...more };
    const response = await server.post('/v1/chat/completions', body);
    return (await response.json<{ usage: { prompt_tokens: number } }>()).usage.prompt_tokens;
  };
  const plain = await nToken('Write to <EMAIL_1> about <CARD_1>.', {});
  expect(await nToken(text, { redact: true })).toBe(plain);
  expect(await nToken(text, { redact: ['card'] })).not.toBe(plain);
});

test('a session keeps placeholders, and the same ones in later turns', async () => {
  const turn = async (content: string, more: object = {}) => {
    const messages = [{ role: 'user', content }];
    const body = { ...common, ...more, messages, session: 'redacted' };
    const response = await server.post('/v1/chat/completions', body);
    return (await response.json<{ choices: { message: { content: string } }[] }>()).choices[0];
  };
  expect((await turn(text))?.message.content).toBe(restored);
  const later = { regex: 'To <EMAIL_1> and <EMAIL_2>' };
  const second = await turn('Also to second@example.org.', later);
  expect(second?.message.content).toBe(`To ${MAIL} and second@example.org`);
  const kept = await textOf('/v1/sessions/redacted');
  expect(kept).not.toContain('example.org');
  expect(kept).not.toContain('4111');
  expect(kept).toContain('Write to <EMAIL_1> about <CARD_1>.');
  expect(kept).toContain('Also to <EMAIL_2>.');
  expect(kept).toContain('To <EMAIL_1> and <CARD_1>, not <EMAIL_7>');
});

test('a stored response keeps placeholders, also when it is continued', async () => {
  type Answer = { id: string; output: { content: { text: string }[] }[] };
  const ask = async (input: string, more: object = {}) => {
    const body = { redact: true, regex, max_output_tokens: 200, input, ...more };
    const response = await server.post('/v1/responses', body);
    expect(response.status).toBe(200);
    return { header: response.headers.get(HEADER), ...(await response.json<Answer>()) };
  };
  const first = await ask(text, { instructions: `You are ${MAIL}.` });
  expect(first.header).toBe('email=2, card=1');
  expect(first.output[0]?.content[0]?.text).toBe(restored);
  const next = await ask('And second@example.org?', {
    ...{ regex: '<EMAIL_1>, <EMAIL_2>', previous_response_id: first.id },
  });
  expect(next.output[0]?.content[0]?.text).toBe(`${MAIL}, second@example.org`);
  for (const { id } of [first, next]) {
    const kept = await textOf(`/v1/responses/${id}`);
    const input = await textOf(`/v1/responses/${id}/input_items`);
    expect(kept + input).not.toContain('example.org');
    expect(kept).toContain('<EMAIL_1>');
    expect(input).toContain('Write to <EMAIL_1> about <CARD_1>.');
  }
  const streamed = await server.post('/v1/responses', {
    ...{ redact: ['email'], regex: 'To <EMAIL_1>', max_output_tokens: 200 },
    ...{ input: text, stream: true, store: false },
  });
  const events = await streamed.text();
  const deltas = [...events.matchAll(/"delta":"([^"]*)"/g)].map(([, delta]) => delta).join('');
  expect(deltas).toBe(`To ${MAIL}`);
});

test('completions answer with the values; token ids and echo are refused with it', async () => {
  const response = await server.post('/v1/completions', { ...common, prompt: [text, 'Nobody'] });
  expect(response.headers.get(HEADER)).toBe('email=1, card=1');
  const { choices } = await response.json<{ choices: { text: string }[] }>();
  expect(choices.map((choice) => choice.text)).toEqual([restored, restored]);
  for (const wrong of [{ prompt: [1, 2] }, { prompt: text, echo: true }]) {
    const refused = await server.post('/v1/completions', { redact: true, ...wrong });
    expect(refused.status).toBe(400);
    expect((await refused.json<{ error: { param: string } }>()).error.param).toBe('redact');
  }
});

test('documents keep placeholders', async () => {
  await server.post('/v1/collections', { name: 'redacted' });
  const document = { id: 'a', content: text, metadata: { from: MAIL } };
  const added = await server.post('/v1/collections/redacted/documents', {
    ...{ documents: [document], redact: ['email', 'card'] },
  });
  expect(added.headers.get(HEADER)).toBe('email=2, card=1');
  const search = { query: 'Write to about', mode: 'text' };
  const found = await (await server.post('/v1/collections/redacted/search', search)).text();
  expect(found).toContain('Write to <EMAIL_1> about <CARD_1>.');
  expect(found).not.toContain(MAIL);
});

test('arguments of a call have the values, as JSON', async () => {
  const email = { type: 'string', enum: ['<EMAIL_1>'] };
  const parameters = { type: 'object', properties: { email }, required: ['email'] };
  const response = await server.post('/v1/chat/completions', {
    messages: [{ role: 'user', content: text }],
    tools: [{ type: 'function', function: { name: 'send', parameters } }],
    ...{ tool_choice: 'required', redact: true, max_tokens: 300 },
  });
  type Call = { function: { arguments: string } };
  const { choices } = await response.json<{ choices: { message: { tool_calls: Call[] } }[] }>();
  const json = choices[0]?.message.tool_calls[0]?.function.arguments ?? '';
  expect(JSON.parse(json)).toEqual({ email: MAIL });
});

test('what "redact" may be is said', async () => {
  const messages = [{ role: 'user', content: 'Hello' }];
  for (const redact of ['email', [], ['mail']]) {
    const response = await server.post('/v1/chat/completions', { messages, redact });
    expect(response.status).toBe(400);
    const { error } = await response.json<{ error: { message: string } }>();
    expect(error.message).toMatch(/^redact/);
  }
});

test('messages answer with the values, whole and streamed', async () => {
  const body = { ...common, messages: [{ role: 'user', content: text }] };
  const response = await server.post('/v1/messages', body);
  expect(response.headers.get(HEADER)).toBe('email=1, card=1');
  const { content } = await response.json<{ content: { text: string }[] }>();
  expect(content[0]?.text).toBe(restored);
  const streamed = await server.post('/v1/messages', { ...body, stream: true });
  expect(streamed.headers.get(HEADER)).toBe('email=1, card=1');
  const events = await streamed.text();
  const deltas = [...events.matchAll(/"text_delta","text":"([^"]*)"/g)].map(([, delta]) => delta);
  expect(deltas.join('')).toBe(restored);
});

test('embeddings are those of placeholders', async () => {
  const vectorOf = async (input: string | number[], more: object = {}) =>
    await server.post('/v1/embeddings', { model: TINY_ENCODER_ID, input, ...more });
  const redacted = await vectorOf(text, { redact: true });
  expect(redacted.headers.get(HEADER)).toBe('email=1, card=1');
  const plain = await vectorOf('Write to <EMAIL_1> about <CARD_1>.');
  expect(await redacted.json()).toEqual(await plain.json());
  const refused = await vectorOf([1, 2], { redact: true });
  expect(refused.status).toBe(400);
  expect((await refused.json<{ error: { param: string } }>()).error.param).toBe('redact');
});

test('tasks read placeholders and answer with the values, at their own places', async () => {
  type Quoted = { quotes: { text: string; passage: number; start: number; end: number }[] };
  const passages = [`The sea is blue. ${text} The sun is warm.`];
  const question = 'Whom to write to?';
  const fields = { question, passages, max_quotes: 3, min_gain: -10, max_tokens: 8 };
  const answered = await server.post('/v1/tasks/answer', { ...fields, redact: true });
  expect(answered.headers.get(HEADER)).toBe('email=1, card=1');
  const { quotes } = await answered.json<Quoted>();
  expect(quotes.map((quote) => quote.text).join(' ')).toContain(MAIL);
  for (const quote of quotes)
    expect(passages[quote.passage]?.slice(quote.start, quote.end)).toBe(quote.text);
  const nToken = async (asked: string, more: object): Promise<number> => {
    const body = { text: asked, labels: ['a', 'b'], ...more };
    const response = await server.post('/v1/tasks/classify', body);
    expect(response.status).toBe(200);
    return (await response.json<{ usage: { prompt_tokens: number } }>()).usage.prompt_tokens;
  };
  const placeholders = 'Write to <EMAIL_1> about <CARD_1>.';
  expect(await nToken(text, { redact: true })).toBe(await nToken(placeholders, {}));
  const decidedOf = async (who: string, more: object) => {
    const questions = [{ type: 'choice', question: `Is ${who} meant?`, options: [who, 'nobody'] }];
    const body = { text: 'Sea.', questions, calibrate: false, ...more };
    type Decided = { decisions: { answers: { answer: string; likelihood: number }[] }[] };
    const response = await server.post('/v1/decisions', body);
    return (await response.json<Decided>()).decisions[0]!.answers;
  };
  const [written, redacted] = [await decidedOf('<EMAIL_1>', {}), await decidedOf(MAIL, common)];
  expect(redacted.map(({ answer }) => answer)).toEqual([MAIL, 'nobody']);
  const likelihoodsOf = (rows: typeof written) => rows.map(({ likelihood }) => likelihood);
  expect(likelihoodsOf(redacted)).toEqual(likelihoodsOf(written));
});
