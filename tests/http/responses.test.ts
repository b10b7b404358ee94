/** /v1/responses with OpenAI's own client: events, storage, going on, cancelling, deleting. */
import OpenAI, { APIError } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sseData, startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';

let server: TestServer;
let openai: OpenAI;

beforeAll(async () => {
  // own server: it is restarted.
  server = await startTestServer();
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => server.close());

const greedy = { model: STORIES_ID, temperature: 0, max_output_tokens: 16 };
const input = 'Once upon a time';

const failure = async (promise: Promise<unknown>): Promise<APIError> => {
  const error: unknown = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(APIError);
  return error as APIError;
};

test('an answer is the chat completion of the same input, and can be read again', async () => {
  const response = await openai.responses.create({ ...greedy, input });
  const chat = await openai.chat.completions.create({
    ...{ model: STORIES_ID, temperature: 0, max_tokens: 16 },
    messages: [{ role: 'user', content: input }],
  });
  expect(response.output_text).toBe(chat.choices[0]?.message.content);
  expect(response.status).toBe('incomplete');
  expect(response.incomplete_details?.reason).toBe('max_output_tokens');
  expect(response.usage).toMatchObject({ input_tokens: 5, output_tokens: 16, total_tokens: 21 });
  const again = await openai.responses.retrieve(response.id);
  expect(again.output_text).toBe(response.output_text);
  expect(again).toEqual(response);
});

test('the events of a stream are numbered, in order, and end with the whole', async () => {
  const stream = await openai.responses.create({ ...greedy, input, stream: true });
  const events = await Array.fromAsync(stream);
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i));
  const types = events.map(({ type }) => type);
  expect(types.filter((type) => type !== 'response.output_text.delta')).toEqual([
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.content_part.added',
    'response.output_text.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.incomplete',
  ]);
  const text = events
    .map((event) => (event.type === 'response.output_text.delta' ? event.delta : ''))
    .join('');
  const last = events.at(-1);
  if (last?.type !== 'response.incomplete') throw new Error('no last event');
  const [item] = last.response.output;
  expect(item).toMatchObject({ type: 'message', content: [{ type: 'output_text', text }] });
  // Stored by its object before the last event went out.
  expect((await openai.responses.retrieve(last.response.id)).output_text).toBe(text);
  // The client's own accumulation agrees.
  const final = await openai.responses.stream({ ...greedy, input }).finalResponse();
  expect(final.output_text).toBe(text);
});

test('a response that goes on from another is answered over both', async () => {
  const first = await openai.responses.create({ ...greedy, input });
  const second = await openai.responses.create({
    ...{ ...greedy, input: ' One day', previous_response_id: first.id },
  });
  expect(second.previous_response_id).toBe(first.id);
  // The first input, its answer and the second: all but the last was still in memory.
  expect(second.usage?.input_tokens).toBeGreaterThan(5 + 14);
  expect(second.usage?.input_tokens_details.cached_tokens).toBeGreaterThan(5 + 12);
  const items = await openai.responses.inputItems.list(second.id, { order: 'asc' });
  const texts = items.data.map((item) => {
    if (item.type !== 'message') throw new Error(item.type);
    const [part] = item.content;
    return part !== undefined && 'text' in part ? part.text : '';
  });
  expect(texts).toEqual([input, first.output_text, ' One day']);
  const page = await openai.responses.inputItems.list(second.id, { limit: 1 });
  expect(page.data.map(({ id }) => id)).toEqual([items.data[2]?.id]);
  expect(page.hasNextPage()).toBe(true);
  // Deleting the first takes nothing from the second.
  await openai.responses.delete(first.id);
  const third = await openai.responses.create({
    ...{ ...greedy, input: ' Then', previous_response_id: second.id },
  });
  expect(third.usage?.input_tokens).toBeGreaterThan(second.usage?.input_tokens ?? Infinity);
  const gone = await failure(
    openai.responses.create({ ...greedy, input, previous_response_id: first.id }),
  );
  expect([gone.status, gone.param]).toEqual([400, 'previous_response_id']);
});

test('a stored response outlives the server; one not to be stored is nowhere', async () => {
  const kept = await openai.responses.create({ ...greedy, input });
  const passing = await openai.responses.create({ ...greedy, input, store: false });
  await server.restart();
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  openai = client;
  expect((await client.responses.retrieve(kept.id)).output_text).toBe(kept.output_text);
  expect((await failure(client.responses.retrieve(passing.id))).status).toBe(404);
  await client.responses.delete(kept.id);
  expect((await failure(client.responses.retrieve(kept.id))).status).toBe(404);
  expect((await failure(client.responses.delete(kept.id))).status).toBe(404);
  expect((await failure(client.responses.cancel('resp_nonsense'))).status).toBe(404);
});

test('a response in the background is made without its client', async () => {
  const started = await openai.responses.create({ ...greedy, input, background: true });
  expect(started.status).toBe('in_progress');
  await expect
    .poll(async () => (await openai.responses.retrieve(started.id)).status)
    .toBe('incomplete');
  const whole = await openai.responses.create({ ...greedy, input });
  expect((await openai.responses.retrieve(started.id)).output_text).toBe(whole.output_text);
});

test('a streamed response in the background is read again from any event', async () => {
  const body = { ...greedy, input, background: true };
  const stream = await openai.responses.create({ ...body, stream: true });
  const seen: OpenAI.Responses.ResponseStreamEvent[] = [];
  // The client leaves, and the response goes on.
  for await (const event of stream) {
    seen.push(event);
    if (event.type === 'response.output_text.delta') break;
  }
  const [first] = seen;
  if (first?.type !== 'response.created') throw new Error(`began with ${first?.type}`);
  const { id } = first.response;
  const read = async (after?: number) =>
    await Array.fromAsync(
      await openai.responses.retrieve(id, {
        ...{ stream: true, ...(after === undefined ? {} : { starting_after: after }) },
      }),
    );
  const after = seen.at(-1).sequence_number;
  const rest = await read(after);
  const whole = await read();
  expect([...seen, ...rest]).toEqual(whole);
  expect(whole.map(({ sequence_number: n }) => n)).toEqual(whole.map((_, i) => i));
  const last = whole.at(-1);
  if (last?.type !== 'response.incomplete') throw new Error(`ended with ${last?.type}`);
  expect(await openai.responses.retrieve(id)).toMatchObject(last.response);
  expect(await read(whole.length - 2)).toEqual([last]);
  expect(await read(whole.length)).toEqual([]);
  const alone = await openai.responses.create({ ...greedy, input });
  const refused = await failure(openai.responses.retrieve(alone.id, { stream: true }));
  expect([refused.status, refused.param]).toEqual([400, 'stream']);
});

test('a response in the background can be cancelled before it has begun', async () => {
  // Nobody reads it, and it is far more than fits the buffers on the way: it holds the cache.
  const prompt = Array<string>(64).fill(input);
  const holding = { prompt, stream: true, max_tokens: 480, logprobs: 20 };
  const holder = sseData(await server.post('/v1/completions', holding));
  expect((await holder.next()).done).toBe(false);
  const body = { model: STORIES_ID, input, max_output_tokens: 480, background: true };
  const { id } = await openai.responses.create(body);
  expect((await openai.responses.retrieve(id)).status).toBe('in_progress');
  expect((await openai.responses.cancel(id)).status).toBe('cancelled');
  expect((await openai.responses.retrieve(id)).status).toBe('cancelled');
  await holder.return();
  await expect.poll(running).toBe(0);
  expect((await openai.responses.retrieve(id)).status).toBe('cancelled');
});

test('a response can be cancelled while it streams; what was made stays', async () => {
  // More than fits the buffers on the way: it cannot end before it is read.
  const stream = await openai.responses.create({
    ...{ model: STORIES_ID, input, max_output_tokens: 480, stream: true },
    include: ['message.output_text.logprobs'],
    top_logprobs: 20,
  });
  let id = '';
  let text = '';
  let last: OpenAI.Responses.Response | null = null;
  for await (const event of stream) {
    if (event.type === 'response.created') id = event.response.id;
    if (event.type === 'response.output_text.delta') {
      if (text === '') await openai.responses.cancel(id);
      text += event.delta;
    }
    if (event.type === 'response.incomplete') last = event.response;
  }
  expect(last?.status).toBe('cancelled');
  expect(last?.output[0]).toMatchObject({ content: [{ text }] });
  const stored = await openai.responses.retrieve(id);
  expect([stored.status, stored.output_text]).toEqual(['cancelled', text]);
});

async function running(): Promise<number> {
  const ready = await fetch(`${server.url}/readyz`);
  return (await ready.json<{ running: number }>()).running;
}

test('a client that leaves ends the generation, and nothing is kept', async () => {
  const stream = await openai.responses.create({
    ...{ model: STORIES_ID, input, max_output_tokens: 480, stream: true },
  });
  let id = '';
  for await (const event of stream) {
    if (event.type === 'response.created') id = event.response.id;
    if (event.type === 'response.output_text.delta') break;
  }
  await expect.poll(running).toBe(0);
  await expect.poll(async () => (await fetch(`${server.url}/v1/responses/${id}`)).status).toBe(404);
});

test('truncation leaves out the oldest turns, or the prompt is refused', async () => {
  const first = await openai.responses.create({
    ...{ ...greedy, input: 'Once upon a time there was a dog. '.repeat(35) },
  });
  const next = {
    ...greedy,
    input: 'The dog ran. '.repeat(40),
    previous_response_id: first.id,
  };
  const refused = await failure(openai.responses.create(next));
  expect([refused.status, refused.code, refused.param]).toEqual([
    400,
    'context_length_exceeded',
    'input',
  ]);
  const fitted = await openai.responses.create({ ...next, truncation: 'auto' });
  expect(fitted).toMatchObject({ dropped_messages: 2 });
});

test('what is too large for a row is refused before anything is made', async () => {
  const response = await server.post('/v1/responses', { input: 'é'.repeat(1_000_000) });
  const { error } = await response.json<{ error: { param: string; message: string } }>();
  expect([response.status, error.param]).toEqual([400, 'input[0]']);
  expect(error.message).toContain('at most 1998976 bytes');
});

/** [what, body, field, part of the message] */
test.each<[string, object, string, string]>([
  ['no input', {}, 'input', 'expected a text or a list'],
  [
    'an image',
    { input: [{ role: 'user', content: [{ type: 'input_image' }] }] },
    'input[0].content[0].type',
    'input_text',
  ],
  [
    'an item that is none',
    { input: [{ type: 'reasoning', summary: [] }] },
    'input[0].type',
    'function_call_output',
  ],
  ['tools', { input, tools: [{ type: 'web_search' }] }, 'tools[0].type', '"function"'],
  [
    'a format without its schema',
    { input, text: { format: { type: 'json_schema' } } },
    'text.format.schema',
    'expected',
  ],
  ['background without store', { input, background: true, store: false }, 'store', 'expected true'],
  [
    'background, stream and redact',
    { input, background: true, stream: true, redact: true },
    'stream',
    'expected false',
  ],
  ['a wrong predecessor', { input, previous_response_id: 'x' }, 'previous_response_id', 'resp_'],
])('refused: %s', async (_what, body, param, part) => {
  const response = await server.post('/v1/responses', body);
  const { error } = await response.json<{ error: { param: string; message: string } }>();
  expect([response.status, error.param], error.message).toEqual([400, param]);
  expect(error.message).toContain(part);
});
