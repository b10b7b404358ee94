/** Chat and plain completions over HTTP, on workerd, as clients see them. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI, { APIError } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import { tokenPrompt } from '../../engine/generate/prompt.ts';
import { importModel } from '../../scripts/import/import-model.ts';
import { manifestKey } from '../../worker/platform/model-keys.ts';
import { pushModel } from '../../scripts/push/push.ts';
import { sseData, startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { engineFrom, STORIES_FILE } from '../support/models.ts';

let server: TestServer;
let openai: OpenAI;

beforeAll(async () => {
  // own server: it is restarted, and has another model for a while.
  server = await startTestServer();
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => server.close());

const messages = [{ role: 'user' as const, content: 'Once upon a time' }];
const greedy = { model: STORIES_ID, messages, temperature: 0, max_tokens: 24 };

async function json<T>(response: Response): Promise<T> {
  expect(response.status).toBe(200);
  return await response.json<T>();
}

test('the openai package reads the same text streamed and whole', async () => {
  const whole = await openai.chat.completions.create(greedy);
  const content = whole.choices[0]?.message.content ?? '';
  expect(content).toContain('there was a little girl');
  expect(whole.choices[0]?.finish_reason).toBe('length');
  expect(whole.usage).toMatchObject({ completion_tokens: 24, prompt_tokens: 5, total_tokens: 29 });

  const stream = await openai.chat.completions.create({
    ...greedy,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = '';
  const reasons: (string | null)[] = [];
  let usage: unknown;
  for await (const chunk of stream) {
    expect(chunk.object).toBe('chat.completion.chunk');
    text += chunk.choices[0]?.delta.content ?? '';
    if (chunk.choices[0]) reasons.push(chunk.choices[0].finish_reason);
    usage = chunk.usage ?? usage;
  }
  expect(text).toBe(content);
  expect(reasons.at(-1)).toBe('length');
  expect(reasons.slice(0, -1).every((reason) => reason === null)).toBe(true);
  expect(usage).toMatchObject({ completion_tokens: 24, total_tokens: 29 });
});

test('the stream begins with the role and ends with [DONE]', async () => {
  const response = await server.post('/v1/chat/completions', { ...greedy, stream: true });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const data = await Array.fromAsync(sseData(response));
  expect(data.at(-1)).toBe('[DONE]');
  const chunks = data
    .slice(0, -1)
    .map((line) => JSON.parse(line) as OpenAI.Chat.Completions.ChatCompletionChunk);
  expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant');
  expect(chunks.at(-1)).toHaveProperty('timings.prefill_ms');
  expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
});

test('a completion ends where the model ends it, or goes on with ignore_eos', async () => {
  const id = 'early-end';
  const { bucket, modelsRoot } = server;
  await importModel({ input: STORIES_FILE, id, outRoot: modelsRoot });
  // This model was never taught its end token: words that come early take its part.
  const { tokens } = await json<{ tokens: number[] }>(
    await server.post('/tokenize', { text: ' there was a little girl' }),
  );
  const path = join(modelsRoot, id, 'manifest.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as { tokenizer: { eosIds: number[] } };
  manifest.tokenizer.eosIds = tokens;
  await writeFile(path, JSON.stringify(manifest));
  await pushModel(id, { bucket, modelsRoot });

  const body = { model: id, prompt: 'Once upon a time', temperature: 0, max_tokens: 24 };
  const complete = async (more: object) => {
    const { choices, usage } = await json<OpenAI.Completions.Completion>(
      await server.post('/v1/completions', { ...body, ...more }),
    );
    return [choices[0]?.finish_reason, usage?.completion_tokens];
  };
  const [reason, nTokens] = await complete({});
  expect(reason).toBe('stop');
  expect(nTokens).toBeLessThan(24);
  expect(await complete({ ignore_eos: true })).toEqual(['length', 24]);
  await bucket.delete(manifestKey(id));
});

test('a completion is the same with and without guesses, and guesses can be turned off', async () => {
  const prompt = 'Lily had a red ball. Lily had a red ball. Lily had a red';
  const complete = async (speculation: string) => {
    const response = await server.post('/v1/completions', {
      ...{ model: STORIES_ID, prompt, temperature: 0, max_tokens: 60, speculation },
    });
    const { choices, usage } = await json<{
      choices: { text: string }[];
      usage: { speculation: { drafted_tokens: number } };
    }>(response);
    return { text: choices[0]?.text, drafted: usage.speculation.drafted_tokens };
  };
  const [guessed, plain] = [await complete('auto'), await complete('off')];
  expect(plain.text).toBe(guessed.text);
  expect(guessed.drafted).toBeGreaterThan(0);
  expect(plain.drafted).toBe(0);
  const refused = await server.post('/v1/completions', { prompt, speculation: 'always' });
  expect(refused.status).toBe(400);
});

test('a stop string split over tokens never leaks', async () => {
  const whole = await openai.chat.completions.create(greedy);
  const content = whole.choices[0]?.message.content ?? '';
  // From the middle of one word to the middle of a later one.
  const stop = content.slice(7, 22);
  const stopped = await openai.chat.completions.create({ ...greedy, stop: ['never', stop] });
  expect(stopped.choices[0]?.message.content).toBe(content.slice(0, 7));
  expect(stopped.choices[0]?.finish_reason).toBe('stop');
  let streamed = '';
  for await (const chunk of await openai.chat.completions.create({ ...greedy, stop, stream: true }))
    streamed += chunk.choices[0]?.delta.content ?? '';
  expect(streamed).toBe(content.slice(0, 7));
});

test('equal seeds give equal texts, other seeds others', async () => {
  const sample = async (seed: number) =>
    (await openai.chat.completions.create({ ...greedy, temperature: 1.5, seed })).choices[0]
      ?.message.content;
  const [first, again, other] = [await sample(7), await sample(7), await sample(8)];
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});

test('log-probabilities name every token of the text', async () => {
  const answer = await openai.chat.completions.create({
    ...greedy,
    logprobs: true,
    top_logprobs: 3,
  });
  const content = answer.choices[0]?.logprobs?.content ?? [];
  expect(content).toHaveLength(24);
  expect(content.map(({ token }) => token).join('')).toBe(answer.choices[0]?.message.content);
  for (const { logprob, top_logprobs } of content) {
    expect(top_logprobs).toHaveLength(3);
    // Greedy: the token is the likeliest.
    expect(top_logprobs[0]?.logprob).toBe(logprob);
    expect(logprob).toBeLessThanOrEqual(0);
  }
});

test('completions take texts and token ids, one or several, and echo them', async () => {
  const { tokens } = await json<{ tokens: number[] }>(
    await server.post('/tokenize', { text: 'Once upon a time', add_special: true }),
  );
  const complete = async (prompt: string | number[] | string[] | number[][], echo = false) =>
    await openai.completions.create({
      model: STORIES_ID,
      prompt,
      echo,
      max_tokens: 8,
      temperature: 0,
    });
  const text = (await complete('Once upon a time')).choices[0]?.text;
  expect((await complete(tokens)).choices[0]?.text).toBe(text);
  expect((await complete([tokens, tokens])).choices.map((choice) => choice.text)).toEqual([
    text,
    text,
  ]);
  const echoed = await complete(['Once upon a time', 'One day'], true);
  expect(echoed.choices[0]?.text).toBe(`Once upon a time${text}`);
  expect(echoed.choices[1]?.text.startsWith('One day')).toBe(true);
  expect(echoed.choices.map(({ index }) => index)).toEqual([0, 1]);
  expect(echoed.usage?.completion_tokens).toBe(16);
});

test('echo with log-probabilities scores the prompt itself', async () => {
  const scored = await openai.completions.create({
    ...{ model: STORIES_ID, prompt: 'Once upon a time', max_tokens: 0, echo: true, logprobs: 2 },
    temperature: 0,
  });
  const choice = scored.choices[0];
  expect(choice?.text).toBe('Once upon a time');
  expect(choice?.logprobs?.tokens).toEqual(['<s>', ' Once', ' upon', ' a', ' time']);
  expect(choice?.logprobs?.token_logprobs?.[0]).toBeNull();
  expect(choice?.logprobs?.text_offset).toEqual([0, 0, 4, 9, 11]);
  expect(Object.keys(choice?.logprobs?.top_logprobs?.[4] ?? {})).toHaveLength(2);
});

test('text survives /tokenize and /detokenize; special-token text stays text', async () => {
  const text = 'Once </s> upon\r\n <s> 🤖 é\t漢';
  const { tokens } = await json<{ tokens: number[] }>(await server.post('/tokenize', { text }));
  expect(tokens).not.toContain(1);
  expect(tokens).not.toContain(2);
  const back = await json<{ text: string }>(await server.post('/detokenize', { tokens }));
  expect(back.text).toBe(text);
  const special = await json<{ tokens: number[] }>(
    await server.post('/tokenize', { text: '</s>', parse_special: true }),
  );
  expect(special.tokens).toEqual([2]);
});

test('models are listed, found by id, and the page is served', async () => {
  const list = await openai.models.list();
  expect(list.data.map(({ id }) => id)).toEqual([STORIES_ID]);
  expect((await openai.models.retrieve(STORIES_ID)).object).toBe('model');
  expect(await openai.models.retrieve(STORIES_ID)).toMatchObject({ context_length: 512 });
  const page = await fetch(server.url);
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(await page.text()).toContain('<title>Thimble</title>');
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  const ready = await json<{ model: string }>(await fetch(`${server.url}/readyz`));
  expect(ready.model).toBe(STORIES_ID);
});

test('two streams at once both finish, each with its own text', async () => {
  const read = async (content: string) => {
    let text = '';
    const stream = await openai.chat.completions.create({
      ...greedy,
      messages: [{ role: 'user', content }],
      max_tokens: 100,
      stream: true,
    });
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    return text;
  };
  const alone = [await read('Once upon a time'), await read('One day, Tim')];
  const together = await Promise.all([read('Once upon a time'), read('One day, Tim')]);
  expect(together).toEqual(alone);
  expect(alone[0]).not.toBe(alone[1]);
});

test('a seed gives the same text beside others and after a restart', async () => {
  const read = async (seed: number): Promise<string> => {
    const body = { prompt: 'Once upon a time', temperature: 1.2, max_tokens: 40, seed };
    const response = await server.post('/v1/completions', body);
    const { choices } = await response.json<{ choices: { text: string }[] }>();
    return choices[0]?.text ?? '';
  };
  const alone = await read(11);
  const beside = await Promise.all([read(12), read(11), read(13)]);
  expect(beside[1]).toBe(alone);
  expect(new Set(beside).size).toBe(3);
  await server.restart();
  expect(await read(11)).toBe(alone);
});

test('a client that leaves ends its generation', async () => {
  await server.restart();
  // The probe of the first look at /readyz would take over what stays in memory.
  expect(await runningGenerations()).toBe(0);
  const prompt = 'One day, a big dog';
  const nToken = 460;
  const stream = await new OpenAI({
    baseURL: `${server.url}/v1`,
    apiKey: 'none',
  }).completions.create({
    ...{ model: STORIES_ID, prompt, temperature: 0, max_tokens: nToken },
    stream: true,
  });
  let nSeen = 0;
  for await (const _chunk of stream) if (++nSeen === 3) break;
  await expect.poll(async () => await runningGenerations()).toBe(0);

  // What was evaluated is still in memory: asking for the whole text tells how far it came.
  const { tokens } = await json<{ tokens: number[] }>(
    await server.post('/tokenize', { text: prompt, add_special: true }),
  );
  const full = [...tokens, ...(await greedyTokens(tokens, nToken))];
  const probe = await openai.completions.create(
    { model: STORIES_ID, prompt: full, max_tokens: 1, temperature: 0 },
    { path: `${server.url}/v1/completions` },
  );
  const evaluated = probe.usage?.prompt_tokens_details?.cached_tokens ?? nToken;
  expect(evaluated).toBeGreaterThanOrEqual(tokens.length);
  expect(evaluated).toBeLessThan(tokens.length + nToken / 2);
});

test('errors reach the openai package with status, code and field', async () => {
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  const error = await client.chat.completions
    .create({ ...greedy, model: 'nope' })
    .then(() => null)
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(APIError);
  const { status, code, param, type } = error as APIError;
  expect([status, code, param, type]).toEqual([
    404,
    'model_not_found',
    'model',
    'invalid_request_error',
  ]);
});

async function runningGenerations(): Promise<number> {
  const { running } = await json<{ running: number }>(await fetch(`${server.url}/readyz`));
  return running;
}

/** The same model in this process: the same kernels choose the same tokens. */
async function greedyTokens(promptTokens: readonly number[], maxTokens: number): Promise<number[]> {
  const engine = await engineFrom(STORIES_FILE, 'lossless');
  const request = {
    ...{ prompt: tokenPrompt(promptTokens), maxTokens, stopTokens: [2] },
    ...{ topLogprobs: null, promptLogprobs: false },
    sampling: { ...DEFAULT_SAMPLING, temperature: 0 },
  };
  const tokens: number[] = [];
  for await (const event of engine.generate(request, new AbortController().signal))
    if (event.type === 'token') tokens.push(event.token);
  return tokens;
}
