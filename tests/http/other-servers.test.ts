/** Requests as clients of llama.cpp's server and of vLLM send them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { shareTestServer, sseData, STORIES_ID, type SharedServer } from '../support/http-server.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer([TINY_ENCODER_ID]);
});
afterAll(() => server.close());

interface Completion {
  readonly content: string;
  readonly tokens: number[];
  readonly stop: boolean;
  readonly stop_type?: string;
  readonly stopping_word?: string;
  readonly timings?: Record<string, number>;
}
interface Failure {
  readonly error: { readonly param: string; readonly message: string };
}

async function answerOf<T>(path: string, body: unknown, status = 200): Promise<T> {
  const response = await server.post(path, body);
  expect(response.status).toBe(status);
  return await response.json<T>();
}

async function got<T>(path: string): Promise<T> {
  const response = await fetch(`${server.url}${path}`);
  expect(response.status).toBe(200);
  return await response.json<T>();
}

const prompt = 'Once upon a time';
const greedy = { prompt, temperature: 0, n_predict: 24 };

async function textOf(more: object, path = '/v1/completions'): Promise<string> {
  const body = { prompt, temperature: 0, max_tokens: 24, ...more };
  return (await answerOf<{ choices: { text: string }[] }>(path, body)).choices[0]!.text;
}

describe("llama.cpp's server", () => {
  test('/completion says what /v1/completions says, whole and streamed', async () => {
    const asked = { ...greedy, return_tokens: true };
    const whole = await answerOf<Completion>('/completion', asked);
    expect(whole.content).toBe(await textOf({}));
    expect(whole).toMatchObject({ stop: true, stop_type: 'limit', stopping_word: '' });
    expect(whole.tokens).toHaveLength(24);
    expect(whole.timings).toMatchObject({ predicted_n: 24 });
    const streamed = await server.post('/completion', { ...greedy, stream: true });
    const events = (await Array.fromAsync(sseData(streamed))).map(
      (data) => JSON.parse(data) as Completion,
    );
    expect(events.map(({ content }) => content).join('')).toBe(whole.content);
    expect(events.map(({ stop }) => stop).indexOf(true)).toBe(events.length - 1);
  });

  test('a stop word is told; a prompt may be token ids', async () => {
    const asking = { ...greedy, return_tokens: true };
    const { content, tokens } = await answerOf<Completion>('/completion', asking);
    const stop = content.slice(7, 20);
    const stopped = await answerOf<Completion>('/completion', { ...greedy, stop: [stop] });
    expect(stopped).toMatchObject({ stop_type: 'word', stopping_word: stop });
    const asked = { content: prompt, add_special: true };
    const { tokens: ids } = await answerOf<{ tokens: number[] }>('/tokenize', asked);
    expect(await answerOf('/completion', { ...asking, prompt: ids })).toMatchObject({ tokens });
  });

  test('a model without tokens for it fills no gaps', async () => {
    const { error } = await answerOf<Failure>('/infill', { input_prefix: 'a' }, 400);
    expect(error.param).toBe('model');
  });

  test('vectors are those of /v1/embeddings', async () => {
    const [model, texts] = [TINY_ENCODER_ID, ['a cold hill', 'a warm sea']];
    type Row = { index: number; embedding: number[][] };
    const rows = await answerOf<Row[]>('/embedding', { model, content: texts });
    type Embedded = { data: { embedding: number[] }[] };
    const { data } = await answerOf<Embedded>('/v1/embeddings', { model, input: texts });
    expect(rows.map(({ embedding }) => embedding[0])).toEqual(data.map((one) => one.embedding));
  });

  test('its questions are answered', async () => {
    expect(await got<{ id: number }[]>('/slots')).toContainEqual({
      ...{ id: 0, n_ctx: 512, is_processing: expect.any(Boolean) as boolean },
    });
    expect(await got('/health')).toEqual({ status: 'ok' });
    expect(await got('/props')).toMatchObject({ model_alias: STORIES_ID, bos_token: '<s>' });
    for (const field of ['text', 'content', 'prompt'])
      expect(await answerOf('/tokenize', { [field]: prompt })).toEqual(
        await answerOf('/tokenize', { text: prompt }),
      );
  });
});

describe('vLLM', () => {
  test('its names of formats', async () => {
    const schema = { type: 'object', properties: { a: { enum: ['x'] } }, required: ['a'] };
    const more = { max_tokens: 60 };
    const regex = 'ab?c';
    const choice = ['a.b', 'c(d', 'and/or', 'e-f', 'über'];
    for (const body of [{ guided_json: schema }, { structured_outputs: { json: schema } }])
      expect(JSON.parse(await textOf({ ...more, ...body }))).toEqual({ a: 'x' });
    for (const body of [{ guided_regex: regex }, { structured_outputs: { regex } }])
      expect(await textOf({ ...more, ...body })).toMatch(/^ab?c$/);
    for (const body of [{ guided_choice: choice }, { structured_outputs: { choice } }])
      expect(choice).toContain(await textOf({ ...more, ...body }));
    const wrong = { prompt, guided_choice: [] };
    const { error } = await answerOf<Failure>('/v1/completions', wrong, 400);
    expect(error.param).toBe('guided_choice');
    for (const one of choice) expect(await textOf({ ...more, guided_choice: [one] })).toBe(one);
    const free = { response_format: { type: 'text' }, guided_regex: regex };
    expect(await textOf({ ...more, ...free })).toMatch(/^ab?c$/);
  });

  test('what would be an answer without its format is refused', async () => {
    const object = { type: 'json_object' };
    const paramOf = async (more: object): Promise<string> => {
      const body = { prompt, ...more };
      return (await answerOf<Failure>('/v1/completions', body, 400)).error.param;
    };
    const tagged = { structured_outputs: { structural_tag: '{}' } };
    expect(await paramOf(tagged)).toBe('structured_outputs.structural_tag');
    const twice = { guided_json: { type: 'object' } };
    expect(await paramOf({ ...twice, response_format: object })).toBe('guided_json');
    expect(await paramOf({ ...twice, json_schema: { type: 'object' } })).toBe('json_schema');
    expect(await paramOf({ guided_regex: 'a', regex: 'b' })).toBe('guided_regex');
    const both = { structured_outputs: { regex: 'a', choice: ['b'] } };
    expect(await paramOf(both)).toBe('structured_outputs.choice');
    const mixed = { guided_regex: 'a', guided_grammar: 'root ::= "b"' };
    expect(await paramOf(mixed)).toBe('regex');
  });

  test('an answer does not end early', async () => {
    const { tokens } = await answerOf<{ tokens: number[] }>('/tokenize', { text: ' little' });
    const ending = { prompt, temperature: 0, max_tokens: 60, stop_token_ids: [tokens.at(-1)] };
    const nToken = async (more: object): Promise<number> => {
      const body = { ...ending, ...more };
      type Answer = { usage: { completion_tokens: number } };
      return (await answerOf<Answer>('/v1/completions', body)).usage.completion_tokens;
    };
    expect(await nToken({})).toBeLessThan(20);
    expect(await nToken({ min_tokens: 20 })).toBeGreaterThanOrEqual(20);
    const refused = { ...ending, min_tokens: 20, regex: 'a' };
    const { error } = await answerOf<Failure>('/v1/completions', refused, 400);
    expect(error.param).toBe('min_tokens');
  });

  test('tokens end an answer, and words are not said', async () => {
    const text = await textOf({});
    expect(text).toContain('little');
    expect(await textOf({ bad_words: ['little'] })).not.toContain('little');
    // Unless a format leaves nothing else to say.
    const forced = { guided_choice: ['little'], bad_words: ['little', 'l', 'lit'] };
    expect(await textOf(forced)).toBe('little');
    const asked = { text: ' little' };
    const { tokens } = await answerOf<{ tokens: number[] }>('/tokenize', asked);
    const stopped = await textOf({ stop_token_ids: [tokens.at(-1)] });
    expect(text.startsWith(stopped)).toBe(true);
    expect(stopped.length).toBeLessThan(text.length);
    const outside = { prompt, stop_token_ids: [1_000_000] };
    const { error } = await answerOf<Failure>('/v1/completions', outside, 400);
    expect(error.param).toBe('stop_token_ids');
  });

  test('an answer goes on from the last message', async () => {
    const messages = [{ role: 'user', content: prompt }];
    type Answer = { choices: { message: { content: string } }[] };
    const answer = async (more: object): Promise<string> => {
      const body = { messages, temperature: 0, max_tokens: 24, cache_salt: 'a', ...more };
      return (await answerOf<Answer>('/v1/chat/completions', body)).choices[0]!.message.content;
    };
    const whole = await answer({});
    const content = whole.slice(0, whole.indexOf(' little'));
    const begun = [...messages, { role: 'assistant', content }];
    const fields = { continue_final_message: true };
    expect(await answer({ messages: begun, ...fields })).toMatch(/^ little/);
    const refusals: (readonly [object, string])[] = [
      [{ messages: begun, ...fields, add_generation_prompt: true }, 'add_generation_prompt'],
      [{ messages, ...fields }, 'messages'],
      [{ messages: begun, ...fields, regex: 'a' }, 'continue_final_message'],
      [{ messages: begun, ...fields, session: 'a' }, 'continue_final_message'],
      [{ messages, add_generation_prompt: false }, 'add_generation_prompt'],
      [{ messages, chat_template_kwargs: { a: 'x'.repeat(33) } }, 'chat_template_kwargs.a'],
      [{ messages, chat_template_kwargs: { a: {} } }, 'chat_template_kwargs.a'],
      [{ messages, prompt_logprobs: 1, stream: true }, 'prompt_logprobs'],
    ];
    for (const [body, param] of refusals) {
      const { error } = await answerOf<Failure>('/v1/chat/completions', body, 400);
      expect(error.param).toBe(param);
    }
  });

  test('tokens of the prompt have log-probabilities, as completions that echo them', async () => {
    type Row = Record<string, { logprob: number; rank: number | null; decoded_token: string }>;
    type Chat = {
      prompt_logprobs: (Row | null)[];
      choices: { logprobs: { content: { top_logprobs: object[] }[] } }[];
    };
    const asked = { temperature: 0, max_tokens: 2 };
    const chat = await answerOf<Chat>('/v1/chat/completions', {
      ...{ ...asked, messages: [{ role: 'user', content: prompt }], prompt_logprobs: 3 },
      ...{ logprobs: true, top_logprobs: 1, chat_template_kwargs: { enable_thinking: false } },
    });
    type Echoed = { choices: { logprobs: { tokens: string[]; token_logprobs: number[] } }[] };
    const echoing = { ...asked, prompt, echo: true, logprobs: 3 };
    const { choices } = await answerOf<Echoed>('/v1/completions', echoing);
    const { tokens, token_logprobs: logprobs } = choices[0]!.logprobs;
    const [first, ...rows] = chat.prompt_logprobs;
    expect(first).toBeNull();
    expect(rows.length).toBeGreaterThan(3);
    for (const [i, row] of rows.entries()) {
      const found = Object.values(row ?? {}).filter((one) => one.decoded_token === tokens[i + 1]);
      expect(found.map(({ logprob }) => logprob)).toContain(logprobs[i + 1]);
      const ranks = Object.values(row ?? {}).map(({ rank }) => rank);
      expect(ranks.filter((rank) => rank !== null).toSorted()).toEqual([1, 2, 3]);
    }
    for (const { top_logprobs: top } of chat.choices[0]!.logprobs.content)
      expect(top).toHaveLength(1);
  });

  test('scores and vectors', async () => {
    const texts = ['a cold hill', 'a warm sea'];
    type Scores = { data: { index: number; score: number }[] };
    const model = TINY_ENCODER_ID;
    const scored = { model, text_1: 'the warm sea', text_2: texts };
    const { data } = await answerOf<Scores>('/score', scored);
    type Ranked = { results: { index: number; relevance_score: number }[] };
    const ranking = { model, query: 'the warm sea', documents: texts };
    const { results } = await answerOf<Ranked>('/rerank', ranking);
    expect(data.map(({ score }) => score)).toEqual(
      results.toSorted((a, b) => a.index - b.index).map((row) => row.relevance_score),
    );
    const pooled = await answerOf<{ data: { data: number[] }[] }>('/pooling', {
      ...{ model, input: texts },
    });
    type Embedded = { data: { embedding: number[] }[] };
    const embedded = await answerOf<Embedded>('/v1/embeddings', { model, input: texts });
    expect(pooled.data.map((row) => row.data)).toEqual(embedded.data.map((row) => row.embedding));
  });

  test('its questions are answered', async () => {
    expect(await got('/ping')).toEqual({ status: 'ok' });
    expect((await got<{ version: string }>('/version')).version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});
