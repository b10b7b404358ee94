/** What clients send wrongly, over HTTP: the right status, and a message that names field and fix. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';

interface ErrorJson {
  error: {
    message: string;
    type: string;
    param: string | null;
    code: string;
    thimble_code?: string;
    details?: Record<string, unknown>;
  };
}

let server: SharedServer;

beforeAll(async () => {
  server = await shareTestServer();
});
afterAll(() => server.close());

const CHAT = '/v1/chat/completions';
const hello = [{ role: 'user', content: 'hello' }];

async function expectError(
  response: Response,
  status: number,
  code: string,
): Promise<ErrorJson['error']> {
  const { error } = await response.json<ErrorJson>();
  // OpenAI's code takes the place of ours where it has one, with ours beside it.
  const own = error.thimble_code ?? error.code;
  expect([response.status, own], error.message).toEqual([status, code]);
  // No stack, no file of ours.
  expect(error.message).not.toMatch(/\n\s+at |\.[jt]s:/);
  return error;
}

/** [what, body, field, part of the message] */
const REFUSED: readonly [string, unknown, string | null, string][] = [
  ['no messages', {}, 'messages', 'expected an array'],
  ['empty messages', { messages: [] }, 'messages', 'at least 1'],
  ['messages of a wrong type', { messages: 'hello' }, 'messages', 'expected an array, got "hello"'],
  [
    'an unknown role',
    { messages: [{ role: 'robot', content: 'x' }] },
    'messages[0].role',
    '"robot"',
  ],
  ['no content', { messages: [{ role: 'user' }] }, 'messages[0].content', 'expected a text'],
  [
    'a number as content',
    { messages: [{ role: 'user', content: 5 }] },
    'messages[0].content',
    'got 5',
  ],
  [
    'an image part',
    { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
    'messages[0].content[0].type',
    'image_url',
  ],
  [
    'a negative temperature',
    { messages: hello, temperature: -1 },
    'temperature',
    'at least 0, got -1',
  ],
  [
    'a text as temperature',
    { messages: hello, temperature: '1' },
    'temperature',
    'expected a number',
  ],
  ['top_p of 0', { messages: hello, top_p: 0 }, 'top_p', 'more than 0'],
  ['negative max_tokens', { messages: hello, max_tokens: -5 }, 'max_tokens', 'got -5'],
  ['huge max_tokens', { messages: hello, max_tokens: 1e15 }, 'max_tokens', 'at most 1000000'],
  [
    'max_tokens with a fraction',
    { messages: hello, max_tokens: 1.5 },
    'max_tokens',
    'whole number',
  ],
  ['a number past all', '{"max_tokens":1e999}', 'max_tokens', 'too large'],
  [
    'an infinite penalty',
    { messages: hello, frequency_penalty: 99 },
    'frequency_penalty',
    'at most 2',
  ],
  [
    'too many top_logprobs',
    { messages: hello, logprobs: true, top_logprobs: 21 },
    'top_logprobs',
    '20',
  ],
  ['top_logprobs alone', { messages: hello, top_logprobs: 2 }, 'top_logprobs', '"logprobs": true'],
  ['17 stops', { messages: hello, stop: Array(17).fill('x') }, 'stop', 'at most 16'],
  ['an empty stop', { messages: hello, stop: [''] }, 'stop[0]', 'at least 1'],
  ['nine answers', { messages: hello, n: 9 }, 'n', 'at most 8'],
  ['no answer', { messages: hello, n: 0 }, 'n', 'at least 1'],
  [
    'more tokens than one request may make',
    { messages: hello, n: 8, max_tokens: 4097 },
    'max_tokens',
    'at most 4096 with 8 answers',
  ],
  ['two answers in a session', { messages: hello, n: 2, session: 'a' }, 'n', 'in a session'],
  ['suffix', { messages: hello, suffix: 'x' }, 'suffix', 'never filled in'],
  ['best_of', { messages: hello, best_of: 2 }, 'best_of', 'or 1'],
  ['an unknown field when strict', { messages: hello, strict: true, nn: 2 }, 'nn', 'no parameter'],
  ['tools', { messages: hello, tools: [{ type: 'x' }] }, 'tools[0].type', '"function"'],
  [
    'half a tool',
    { messages: hello, tools: [{ type: 'function' }] },
    'tools[0].function',
    'expected',
  ],
  [
    'a word as biased token',
    { messages: hello, logit_bias: { cat: 1 } },
    'logit_bias',
    'token ids',
  ],
  ['a bias of 101', { messages: hello, logit_bias: { 5: 101 } }, 'logit_bias.5', 'at most 100'],
  [
    'a bias of a token that is not there',
    { messages: hello, logit_bias: { 512: 1 } },
    'logit_bias',
    'id 512 is not in the vocabulary',
  ],
  [
    'more biases than there may be',
    {
      messages: hello,
      logit_bias: Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [i, 1])),
    },
    'logit_bias',
    'at most 1024 tokens',
  ],
  ['mirostat 1', { messages: hello, mirostat: 1 }, 'mirostat', '0, 2'],
  ['mirostat beside top_k', { messages: hello, mirostat: 2, top_k: 4 }, 'top_k', 'mirostat'],
  [
    'mirostat beside top_k, streamed',
    { messages: hello, mirostat: 2, top_k: 4, stream: true },
    'top_k',
    'mirostat',
  ],
  ['typical_p of 0', { messages: hello, typical_p: 0 }, 'typical_p', 'more than 0'],
  ['xtc_probability of 2', { messages: hello, xtc_probability: 2 }, 'xtc_probability', 'at most 1'],
  [
    'xtc beside greedy',
    { messages: hello, xtc_probability: 1, temperature: 0 },
    'xtc_probability',
    'temperature 0',
  ],
  ['an unknown sampler', { messages: hello, samplers: ['top_q'] }, 'samplers[0]', '"top_k"'],
  [
    'a sampler twice',
    { messages: hello, samplers: ['top_k', 'top_k'] },
    'samplers',
    'each sampler once',
  ],
  [
    'a parameter of a sampler that is left out',
    { messages: hello, samplers: ['top_k'], min_p: 0.1 },
    'min_p',
    '"samplers" without "min_p"',
  ],
  ['dry_base below 1', { messages: hello, dry_base: 0.5 }, 'dry_base', 'at least 1'],
  [
    'an empty breaker',
    { messages: hello, dry_multiplier: 1, dry_sequence_breakers: [''] },
    'dry_sequence_breakers[0]',
    'at least 1',
  ],
  [
    '17 breakers',
    { messages: hello, dry_sequence_breakers: Array<string>(17).fill('x') },
    'dry_sequence_breakers',
    'at most 16',
  ],
  [
    'an answer in a format there is not',
    { messages: hello, response_format: { type: 'xml' } },
    'response_format.type',
    'json_schema',
  ],
  ['a bad session id', { messages: hello, session: 'a/b' }, 'session', 'letters, digits'],
  ['an array as body', [], null, 'expected an object'],
  ['a number as body', '5', null, 'expected an object, got 5'],
];

test.each(REFUSED)('%s', async (_what, body, param, part) => {
  const error = await expectError(await server.post(CHAT, body), 400, 'E_REQUEST_INVALID');
  expect(error.param).toBe(param);
  expect(error.message).toContain(part);
  expect(error.type).toBe('invalid_request_error');
});

test.each([
  ['nothing', '', 0],
  ['half an object', '{"messages": [', 14],
  ['NaN', '{"temperature": NaN}', 16],
  ['a trailing comma', '{"n": 1,}', 8],
  ['single quotes', "{'n': 1}", 1],
  ['more than one value', '{} {}', 3],
  ['a raw line break in a text', '{"a": "x\ny"}', 8],
])('not JSON: %s', async (_what, body, offset) => {
  const error = await expectError(await server.post(CHAT, body), 400, 'E_REQUEST_INVALID');
  expect(error.message).toContain(`at position ${offset} `);
});

test('null counts as absent, unknown fields are ignored and named', async () => {
  const body = {
    messages: hello,
    max_tokens: 1,
    stop: null,
    seed: null,
    tools: null,
    novel: { a: 1 },
  };
  const answer = await server.post(CHAT, { ...body, 'naïve\nname': 1 });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('x-thimble-ignored')).toBe('novel, na%C3%AFve%0Aname');
  const harmless = { tools: [], logit_bias: {}, response_format: { type: 'text' }, n: 1 };
  const request = { ...harmless, messages: hello, max_tokens: 1, strict: true, metadata: {} };
  const strict = await server.post(CHAT, request);
  expect(strict.status).toBe(200);
  expect(strict.headers.get('x-thimble-ignored')).toBeNull();
});

test('however many unknown fields there are, the header stays short', async () => {
  const many = Object.fromEntries(
    Array.from({ length: 5000 }, (_, i) => [`漢${'\u{1f916}\ud800'.repeat(i % 40)}${i}`, i]),
  );
  const answer = await server.post(CHAT, { ...many, messages: hello, max_tokens: 1 });
  expect(answer.status).toBe(200);
  const header = answer.headers.get('x-thimble-ignored') ?? '';
  expect(header.split(', ').length).toBeGreaterThan(5);
  expect(header.length).toBeLessThanOrEqual(2000);
  expect(header).toMatch(/^[\x21-\x7e ]+$/);
});

test('an unknown model gives 404 with the list of models', async () => {
  const error = await expectError(
    await server.post(CHAT, { model: 'nope', messages: hello }),
    404,
    'E_MODEL_NOT_FOUND',
  );
  expect(error.details?.['models']).toEqual([STORIES_ID]);
  for (const id of ['nope', '..%2f..', 'UPPER'])
    await expectError(await fetch(`${server.url}/v1/models/${id}`), 404, 'E_MODEL_NOT_FOUND');
});

test('a prompt longer than the context gives 400 with both lengths', async () => {
  const prompt = 'once upon a time '.repeat(400);
  const answers = [
    await server.post(CHAT, { messages: [{ role: 'user', content: prompt }] }),
    await server.post(CHAT, { messages: [{ role: 'user', content: prompt }], stream: true }),
    await server.post('/v1/completions', { prompt }),
  ];
  for (const answer of answers) {
    const { details } = await expectError(answer, 400, 'E_PROMPT_TOO_LONG');
    expect(details?.['nCtx']).toBe(512);
    expect(details?.['promptTokens']).toBeGreaterThan(512);
  }
});

test('a text that no context holds is refused without being tokenized', async () => {
  const content = 'a'.repeat(4_000_000);
  const answer = await server.post(CHAT, { messages: [{ role: 'user', content }] });
  const { details, message } = await expectError(answer, 400, 'E_PROMPT_TOO_LONG');
  expect(message).toContain('at least');
  expect(details?.['nCtx']).toBe(512);
  const tokenize = await server.post('/tokenize', { text: content });
  expect((await expectError(tokenize, 400, 'E_REQUEST_INVALID')).param).toBe('text');
});

test('a body over the limit gives 413, announced or in chunks', async () => {
  const large = JSON.stringify({ messages: [{ role: 'user', content: 'x'.repeat(5_000_000) }] });
  await expectError(await server.post(CHAT, large), 413, 'E_BODY_TOO_LARGE');
  const chunked = new Blob([large]).stream();
  const init = { body: chunked, duplex: 'half' } as RequestInit;
  await expectError(await server.post(CHAT, '', init), 413, 'E_BODY_TOO_LARGE');
});

test('token ids outside the vocabulary are refused', async () => {
  for (const prompt of [[99_999], [-1], [1.5], [[1], [99_999]]]) {
    const response = await server.post('/v1/completions', { prompt });
    await expectError(response, 400, 'E_REQUEST_INVALID');
  }
  const response = await server.post('/detokenize', { tokens: [5, 99_999] });
  const error = await expectError(response, 400, 'E_REQUEST_INVALID');
  expect(error.param).toBe('tokens[1]');
});

test('unknown addresses give 404, wrong methods 405 with Allow', async () => {
  await expectError(await fetch(`${server.url}/v1/nothing`), 404, 'E_NOT_FOUND');
  const wrong = await fetch(`${server.url}/v1/completions`);
  expect(wrong.headers.get('allow')).toBe('POST');
  await expectError(wrong, 405, 'E_METHOD');
  const remove = await fetch(`${server.url}/v1/models`, { method: 'DELETE' });
  await expectError(remove, 405, 'E_METHOD');
});

test('browsers of other origins may ask', async () => {
  const preflight = await fetch(`${server.url}${CHAT}`, {
    method: 'OPTIONS',
    headers: {
      origin: 'https://example.org',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,authorization',
    },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
  expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
});
