/** OpenAI's own client where chat.test.ts and responses.test.ts do not use it: leaving, trying again. */
import OpenAI, { APIUserAbortError, BadRequestError } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { countRunning, rejection, takeWeightsAway } from '../support/outage.ts';

let server: TestServer;
beforeAll(async () => {
  // own server: its weights are taken away.
  server = await startTestServer();
});
afterAll(() => server.close());

const clientOf = (maxRetries = 0, fetching: typeof fetch = fetch) =>
  new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries, fetch: fetching });
const body = {
  ...{ model: STORIES_ID, temperature: 0, max_tokens: 24 },
  messages: [{ role: 'user' as const, content: 'Once upon a time' }],
};

test('aborting a stream ends its generations', async () => {
  const stream = await clientOf().chat.completions.create({
    ...{ ...body, max_tokens: 480, n: 4, temperature: 1, stream: true },
  });
  let nSeen = 0;
  for await (const _chunk of stream) if (++nSeen === 5) stream.controller.abort();
  expect(nSeen).toBeLessThan(480);
  await expect.poll(async () => await countRunning(server)).toBe(0);
});

test('a request that is aborted before its answer is told apart', async () => {
  const abort = new AbortController();
  const request = clientOf().chat.completions.create(
    { ...body, max_tokens: 480 },
    { signal: abort.signal },
  );
  abort.abort();
  expect(await rejection(request)).toBeInstanceOf(APIUserAbortError);
});

test('what is not supported is refused as a bad request, by name', async () => {
  const web = { web_search_options: { search_context_size: 'low' as const } };
  const error = await rejection(clientOf().chat.completions.create({ ...body, ...web }));
  expect(error).toBeInstanceOf(BadRequestError);
  expect(error).toMatchObject({ param: 'web_search_options', code: 'unsupported_parameter' });
  expect(error).toMatchObject({ error: { thimble_code: 'E_REQUEST_INVALID' } });
});

test("errors have OpenAI's codes, and ours beside them", async () => {
  const unknown = await rejection(clientOf().chat.completions.create({ ...body, model: 'gpt-9' }));
  expect(unknown).toMatchObject({
    ...{ status: 404, code: 'model_not_found', param: 'model' },
    error: { thimble_code: 'E_MODEL_NOT_FOUND' },
  });
  const messages = [{ role: 'user' as const, content: 'word '.repeat(2000) }];
  const long = await rejection(clientOf().chat.completions.create({ ...body, messages }));
  expect(long).toMatchObject({
    ...{ status: 400, code: 'context_length_exceeded', param: 'messages' },
    error: { thimble_code: 'E_PROMPT_TOO_LONG', details: { nCtx: 512 } },
  });
  const invalid = await rejection(clientOf().chat.completions.create({ ...body, temperature: 9 }));
  expect(invalid).toMatchObject({ status: 400, code: 'E_REQUEST_INVALID' });
  expect(invalid).not.toHaveProperty('error.thimble_code');
});

test('what has no effect is accepted and reported', async () => {
  const { data, response } = await clientOf()
    .chat.completions.create({
      ...{ ...body, reasoning_effort: 'low', verbosity: 'low', service_tier: 'auto', user: 'ada' },
      ...{ safety_identifier: 'a', prompt_cache_key: 'b', strict: true },
      prediction: { type: 'content', content: 'there was' },
    } as OpenAI.ChatCompletionCreateParamsNonStreaming)
    .withResponse();
  expect(data.choices[0]?.message.content).toContain('there was a little girl');
  expect(response.headers.get('x-thimble-ignored')?.split(', ').sort()).toEqual([
    ...['prediction', 'prompt_cache_key', 'reasoning_effort', 'safety_identifier'],
    ...['service_tier', 'user', 'verbosity'],
  ]);
  const answer = await clientOf()
    .responses.create({
      ...{ model: STORIES_ID, input: 'Once upon a time', max_output_tokens: 4 },
      ...{ reasoning: { effort: 'low' }, text: { verbosity: 'low' } },
    })
    .asResponse();
  expect(answer.headers.get('x-thimble-ignored')).toBe('reasoning, text.verbosity');
});

const city = { type: 'object', properties: { city: { enum: ['Paris', 'Rome'] } } };
const parameters = { ...city, required: ['city'] };

test('a schema beside json_object is honoured, and one that cannot be is refused', async () => {
  const ask = (response_format: object) =>
    clientOf().chat.completions.create({
      ...{ ...body, max_tokens: 60 },
      response_format: response_format as OpenAI.ResponseFormatJSONObject,
    });
  const answer = await ask({ type: 'json_object', schema: parameters });
  const { city } = JSON.parse(answer.choices[0]?.message.content ?? '') as { city: string };
  expect(['Paris', 'Rome']).toContain(city);
  for (const [type, name] of [
    ['json_object', 'json_schema'],
    ['text', 'schema'],
    ['text', 'json_schema'],
  ] as const)
    expect(await rejection(ask({ type, [name]: parameters }))).toMatchObject({
      ...{ status: 400, param: `response_format.${name}` },
    });
});

test('only allowed tools are called', async () => {
  // Short, since the context is.
  const tools = ['a', 'b', 'c'].map((name) => ({ type: 'function' as const, function: { name } }));
  const named = (name: string) => ({ type: 'function', function: { name } });
  const ask = (...names: string[]) =>
    clientOf().chat.completions.create({
      ...{ ...body, max_tokens: 80, tools, temperature: 1, seed: 3, n: 4 },
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: names.map(named) },
      },
    });
  const { choices } = await ask('b', 'c');
  const called = choices.flatMap(({ message }) =>
    (message.tool_calls ?? []).map((call) => (call.type === 'function' ? call.function.name : '')),
  );
  expect(called.length).toBeGreaterThan(3);
  expect(called.filter((name) => name !== 'b' && name !== 'c')).toEqual([]);
  expect(await rejection(ask('d'))).toMatchObject({ status: 400, param: 'tool_choice' });
  const response = await clientOf().responses.create({
    ...{ model: STORIES_ID, input: 'Once upon a time', max_output_tokens: 60 },
    tools: [{ type: 'function', name: 'a', parameters, strict: true }],
    tool_choice: {
      ...{ type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'a' }] },
    },
  });
  expect(response.output[0]).toMatchObject({ type: 'function_call', name: 'a' });
  expect(response.tool_choice).toMatchObject({ type: 'allowed_tools', mode: 'required' });
});

test('an answer that has to be a call begins without a content', async () => {
  const tools = [{ type: 'function' as const, function: { name: 'a', parameters } }];
  const stream = await clientOf().chat.completions.create({
    ...{ ...body, max_tokens: 60, tools, tool_choice: 'required', stream: true },
  });
  const [first] = await Array.fromAsync(stream);
  expect(first?.choices[0]?.delta).toEqual({ role: 'assistant', content: null, refusal: null });
});

test('logprobs: 0 gives the token itself', async () => {
  const { choices } = await clientOf().completions.create({
    ...{
      model: STORIES_ID,
      prompt: 'Once upon a time',
      temperature: 0,
      max_tokens: 3,
      logprobs: 0,
    },
  });
  const { tokens = [], token_logprobs: own = [], top_logprobs: top = [] } = choices[0]!.logprobs!;
  expect(tokens).toHaveLength(3);
  expect(top).toEqual(tokens.map((token, i) => ({ [token]: own[i] })));
});

test('503 is tried again', async () => {
  const outage = await takeWeightsAway(server);
  const answer = await clientOf(1, outage.fetch).chat.completions.create(body);
  expect(answer.choices[0]?.message.content).toContain('there was a little girl');
  expect(outage.statuses).toEqual([503, 200]);
  expect(outage.retryAfter).toMatch(/^\d+$/);
});
