/** Every answer, event and error of the endpoints that OpenAI has, by its published schema. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENDPOINTS } from '../../worker/gateway/endpoints.ts';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { sseData, shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';
import { findModelFile, findRecording } from '../support/needs.ts';
import { answerFaults, faultsOf, operationKey, OPERATIONS } from '../support/openai-schema.ts';

const JSON_TYPE = 'application/json';
const EVENTS_TYPE = 'text/event-stream';
const FINE_TUNING_JOB = '/v1/fine_tuning/jobs/{fine_tuning_job_id}';
const VOICE = 'piper-en-us-joe';
const jfk = findRecording();
const hasVoice = findModelFile(VOICE) !== null;

let server: SharedServer;
beforeAll(async () => {
  const voices = hasVoice ? [VOICE] : [];
  server = await shareTestServer([TINY_ENCODER_ID, 'whisper-tiny.en', 'silero-vad', ...voices]);
});
afterAll(() => server.close());

/** One shape of an answer of one operation: how to get it. */
interface Shape {
  readonly operation: string;
  readonly shape: string;
  readonly get: () => Promise<Response>;
  /** Whether what it needs is there. */
  readonly isThere?: boolean;
  /** Names of the events that have to be among those of the stream. */
  readonly events?: readonly string[];
}

const post = (path: string, body: unknown) => server.post(`/v1${path}`, body);
const ask = (method: string, path: string) => fetch(`${server.url}/v1${path}`, { method });
const get = (path: string) => ask('GET', path);

async function form(path: string, fields: Readonly<Record<string, string | Blob>>) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields))
    if (typeof value === 'string') body.append(name, value);
    else body.append(name, value, 'file');
  return await fetch(`${server.url}/v1${path}`, { method: 'POST', body });
}

/** The id of what was just made. */
async function idOf(made: Promise<Response>): Promise<string> {
  const response = await made;
  const { id, error } = await response.json<{ id?: string; error?: unknown }>();
  if (id === undefined) throw new Error(`${response.status} ${JSON.stringify(error)}`);
  return id;
}

const messages = [{ role: 'user', content: 'Once upon a time' }];
const greedy = { model: STORIES_ID, temperature: 0 };
const chat = { ...greedy, messages, max_tokens: 8 };
const prompt = { ...greedy, prompt: 'Once upon a time', max_tokens: 8 };
const input = { ...greedy, input: 'Once upon a time', max_output_tokens: 8 };
const parameters = {
  type: 'object',
  properties: { city: { enum: ['Paris', 'Rome'] } },
  required: ['city'],
};
const tools = [{ type: 'function', function: { name: 'weather', parameters } }];
const flatTools = [{ type: 'function', name: 'weather', parameters }];
const custom = { name: 'note', description: 'Keeps a note.' };
const customTool = {
  max_output_tokens: 60,
  tools: [{ type: 'custom', ...custom, format: { type: 'text' } }],
  tool_choice: { type: 'custom', name: 'note' },
};
const streamed = { stream: true, stream_options: { include_usage: true } };
const sound = (): Blob => new Blob([readFileSync(jfk!)]);
const line = JSON.stringify({
  ...{ custom_id: 'a', method: 'POST', url: '/v1/chat/completions' },
  body: chat,
});
const newFile = () => form('/files', { purpose: 'batch', file: new Blob([line]) });
const newResponse = () => idOf(post('/responses', input));
const items = [
  { role: 'user', content: 'Once upon a time' },
  { type: 'function_call', call_id: 'c1', name: 'weather', arguments: '{"city":"Rome"}' },
  { type: 'function_call_output', call_id: 'c1', output: '31 degrees' },
];
const newNotes = () =>
  idOf(form('/files', { purpose: 'assistants', file: new Blob(['The sea is blue.']) }));
async function newStore(): Promise<{ id: string; file: string }> {
  const file = await newNotes();
  return { id: await idOf(post('/vector_stores', { file_ids: [file] })), file };
}
const searching = async () => ({
  tools: [{ type: 'file_search', vector_store_ids: [(await newStore()).id] }],
  include: ['file_search_call.results'],
});
const newCompletion = () => idOf(post('/chat/completions', { ...chat, store: true }));
const newConversation = () => idOf(post('/conversations', { items }));
async function newItem(): Promise<{ id: string; item: string }> {
  const id = await newConversation();
  const list = await get(`/conversations/${id}/items`);
  const { data } = await list.json<{ data: { id: string }[] }>();
  return { id, item: data[0]!.id };
}
const newBatch = async () =>
  await idOf(
    post('/batches', {
      ...{ input_file_id: await idOf(newFile()), endpoint: '/v1/chat/completions' },
      ...{ completion_window: '24h', metadata: { a: 'b' } },
    }),
  );

const rows = (operation: string, shapes: Readonly<Record<string, () => Promise<Response>>>) =>
  Object.entries(shapes).map(([shape, get]): Shape => ({ operation, shape, get }));

const SHAPES: readonly Shape[] = [
  ...rows('POST /v1/chat/completions', {
    whole: () => post('/chat/completions', chat),
    'two choices with log-probabilities': () =>
      post('/chat/completions', { ...chat, n: 2, seed: 1, logprobs: true, top_logprobs: 2 }),
    'log-probabilities alone': () => post('/chat/completions', { ...chat, logprobs: true }),
    'a tool call': () =>
      post('/chat/completions', { ...chat, max_tokens: 60, tools, tool_choice: 'required' }),
    'a session': () => post('/chat/completions', { ...chat, session: 'schema' }),
    streamed: () => post('/chat/completions', { ...chat, ...streamed }),
    'streamed with log-probabilities': () =>
      post('/chat/completions', { ...chat, ...streamed, logprobs: true, top_logprobs: 2 }),
    'a call of a custom tool': () =>
      post('/chat/completions', {
        ...{ ...chat, max_tokens: 60, tools: [{ type: 'custom', custom }] },
        tool_choice: { type: 'custom', custom: { name: 'note' } },
      }),
    'a streamed tool call': () =>
      post('/chat/completions', {
        ...{ ...chat, ...streamed, max_tokens: 60, tools, tool_choice: 'required' },
      }),
  }),
  ...rows('GET /v1/chat/completions', {
    list: async () => {
      await newCompletion();
      return await get('/chat/completions?order=desc&limit=2');
    },
  }),
  ...rows('GET /v1/chat/completions/{completion_id}', {
    whole: async () => await get(`/chat/completions/${await newCompletion()}`),
  }),
  ...rows('POST /v1/chat/completions/{completion_id}', {
    whole: async () =>
      await post(`/chat/completions/${await newCompletion()}`, { metadata: { a: 'b' } }),
  }),
  ...rows('DELETE /v1/chat/completions/{completion_id}', {
    whole: async () => await ask('DELETE', `/chat/completions/${await newCompletion()}`),
  }),
  ...rows('GET /v1/chat/completions/{completion_id}/messages', {
    list: async () => await get(`/chat/completions/${await newCompletion()}/messages`),
  }),
  ...rows('POST /v1/completions', {
    whole: () => post('/completions', prompt),
    'two choices with log-probabilities': () =>
      post('/completions', { ...prompt, n: 2, seed: 1, logprobs: 2 }),
    'an echoed prompt': () => post('/completions', { ...prompt, echo: true, logprobs: 1 }),
    streamed: () => post('/completions', { ...prompt, ...streamed }),
    'streamed with log-probabilities': () =>
      post('/completions', { ...prompt, ...streamed, logprobs: 2 }),
  }),
  ...rows('POST /v1/responses', {
    whole: () => post('/responses', input),
    'instructions and a format': () =>
      post('/responses', {
        ...{ ...input, max_output_tokens: 60, instructions: 'Be short.', metadata: { a: 'b' } },
        text: { format: { type: 'json_schema', name: 'place', schema: parameters } },
      }),
    'log-probabilities': () =>
      post('/responses', {
        ...{ ...input, include: ['message.output_text.logprobs'], top_logprobs: 2 },
      }),
    'a tool call': () =>
      post('/responses', {
        ...{ ...input, max_output_tokens: 60, tools: flatTools, tool_choice: 'required' },
      }),
    'a named tool': () =>
      post('/responses', {
        ...{ ...input, max_output_tokens: 60, tools: flatTools },
        tool_choice: { type: 'function', name: 'weather' },
      }),
    'a call of a custom tool': () => post('/responses', { ...input, ...customTool }),
    'a streamed call of a custom tool': () =>
      post('/responses', { ...input, ...customTool, stream: true }),
    'a search of files': async () => await post('/responses', { ...input, ...(await searching()) }),
    'a streamed search of files': async () =>
      await post('/responses', { ...input, ...(await searching()), stream: true }),
    'in a conversation': async () =>
      await post('/responses', { ...input, conversation: await newConversation() }),
    'streamed in the background': () =>
      post('/responses', { ...input, background: true, stream: true }),
    'in the background': () => post('/responses', { ...input, background: true }),
    streamed: () => post('/responses', { ...input, stream: true }),
    'streamed with log-probabilities': () =>
      post('/responses', {
        ...{ ...input, stream: true, include: ['message.output_text.logprobs'], top_logprobs: 2 },
      }),
    'a streamed tool call': () =>
      post('/responses', {
        ...{ ...input, max_output_tokens: 60, stream: true },
        ...{ tools: flatTools, tool_choice: 'required' },
      }),
  }),
  ...rows('GET /v1/responses/{response_id}', {
    whole: async () => await get(`/responses/${await newResponse()}`),
  }),
  ...rows('GET /v1/responses/{response_id}/input_items', {
    whole: async () => await get(`/responses/${await newResponse()}/input_items`),
    'calls and their outputs': async () => {
      const call = { call_id: 'c1', name: 'weather', arguments: '{"city":"Rome"}' };
      const id = idOf(
        post('/responses', {
          ...input,
          input: [
            { role: 'user', content: [{ type: 'input_text', text: 'Hello' }] },
            { type: 'function_call', ...call },
            { type: 'function_call_output', call_id: 'c1', output: '31 degrees' },
            { role: 'assistant', content: 'It is warm.' },
            { role: 'developer', content: 'Be short.' },
          ],
        }),
      );
      return await get(`/responses/${await id}/input_items`);
    },
  }),
  ...rows('POST /v1/responses/{response_id}/cancel', {
    whole: async () => {
      const id = await idOf(post('/responses', { ...input, background: true }));
      return await ask('POST', `/responses/${id}/cancel`);
    },
  }),
  ...rows('POST /v1/responses/input_tokens', {
    whole: () => post('/responses/input_tokens', { ...input, tools: flatTools }),
  }),
  ...rows('POST /v1/conversations', {
    empty: () => post('/conversations', {}),
    'with items': () => post('/conversations', { items, metadata: { a: 'b' } }),
  }),
  ...rows('GET /v1/conversations/{conversation_id}', {
    whole: async () => await get(`/conversations/${await newConversation()}`),
  }),
  ...rows('POST /v1/conversations/{conversation_id}', {
    whole: async () =>
      await post(`/conversations/${await newConversation()}`, { metadata: { c: 'd' } }),
  }),
  ...rows('DELETE /v1/conversations/{conversation_id}', {
    whole: async () => await ask('DELETE', `/conversations/${await newConversation()}`),
  }),
  ...rows('POST /v1/conversations/{conversation_id}/items', {
    whole: async () => await post(`/conversations/${await newConversation()}/items`, { items }),
  }),
  ...rows('GET /v1/conversations/{conversation_id}/items', {
    list: async () => await get(`/conversations/${await newConversation()}/items`),
    'after a response': async () => {
      const conversation = await newConversation();
      await idOf(post('/responses', { ...input, conversation }));
      return await get(`/conversations/${conversation}/items`);
    },
  }),
  ...rows('GET /v1/conversations/{conversation_id}/items/{item_id}', {
    whole: async () => {
      const { id, item } = await newItem();
      return await get(`/conversations/${id}/items/${item}`);
    },
  }),
  ...rows('DELETE /v1/conversations/{conversation_id}/items/{item_id}', {
    whole: async () => {
      const { id, item } = await newItem();
      return await ask('DELETE', `/conversations/${id}/items/${item}`);
    },
  }),
  ...rows('POST /v1/vector_stores', {
    empty: () => post('/vector_stores', {}),
    'with files': async () =>
      await post('/vector_stores', { name: 'notes', file_ids: [await newNotes()], metadata: {} }),
  }),
  ...rows('GET /v1/vector_stores', { list: () => get('/vector_stores?limit=2') }),
  ...rows('GET /v1/vector_stores/{vector_store_id}', {
    whole: async () => await get(`/vector_stores/${(await newStore()).id}`),
  }),
  ...rows('POST /v1/vector_stores/{vector_store_id}', {
    whole: async () => await post(`/vector_stores/${(await newStore()).id}`, { name: 'other' }),
  }),
  ...rows('DELETE /v1/vector_stores/{vector_store_id}', {
    whole: async () => await ask('DELETE', `/vector_stores/${(await newStore()).id}`),
  }),
  ...rows('POST /v1/vector_stores/{vector_store_id}/search', {
    whole: async () =>
      await post(`/vector_stores/${(await newStore()).id}/search`, { query: 'sea' }),
  }),
  ...rows('POST /v1/vector_stores/{vector_store_id}/files', {
    whole: async () => {
      const body = { file_id: await newNotes(), attributes: { year: 2024, kind: 'note' } };
      return await post(`/vector_stores/${(await newStore()).id}/files`, body);
    },
    'what cannot be read': async () => {
      const file = new Blob([Uint8Array.from({ length: 64 }, (_, i) => i)]);
      const body = { file_id: await idOf(form('/files', { purpose: 'assistants', file })) };
      return await post(`/vector_stores/${(await newStore()).id}/files`, body);
    },
  }),
  ...rows('GET /v1/vector_stores/{vector_store_id}/files', {
    list: async () => await get(`/vector_stores/${(await newStore()).id}/files`),
  }),
  ...rows('GET /v1/vector_stores/{vector_store_id}/files/{file_id}', {
    whole: async () => {
      const { id, file } = await newStore();
      return await get(`/vector_stores/${id}/files/${file}`);
    },
  }),
  ...rows('POST /v1/vector_stores/{vector_store_id}/files/{file_id}', {
    whole: async () => {
      const { id, file } = await newStore();
      return await post(`/vector_stores/${id}/files/${file}`, { attributes: { year: 2023 } });
    },
  }),
  ...rows('DELETE /v1/vector_stores/{vector_store_id}/files/{file_id}', {
    whole: async () => {
      const { id, file } = await newStore();
      return await ask('DELETE', `/vector_stores/${id}/files/${file}`);
    },
  }),
  ...rows('POST /v1/embeddings', {
    numbers: () => post('/embeddings', { model: TINY_ENCODER_ID, input: ['the sea', 'bread'] }),
  }),
  ...rows('POST /v1/files', { whole: () => newFile() }),
  ...rows('GET /v1/files', { list: () => get('/files?limit=2') }),
  ...rows('GET /v1/files/{file_id}', {
    whole: async () => await get(`/files/${await idOf(newFile())}`),
  }),
  ...rows('DELETE /v1/files/{file_id}', {
    whole: async () => await ask('DELETE', `/files/${await idOf(newFile())}`),
  }),
  ...rows('POST /v1/batches', {
    whole: async () =>
      await post('/batches', {
        ...{ input_file_id: await idOf(newFile()), endpoint: '/v1/chat/completions' },
        completion_window: '24h',
      }),
  }),
  ...rows('GET /v1/batches', { list: () => get('/batches?limit=2') }),
  ...rows('GET /v1/batches/{batch_id}', {
    whole: async () => await get(`/batches/${await newBatch()}`),
  }),
  ...rows('POST /v1/batches/{batch_id}/cancel', {
    whole: async () => await ask('POST', `/batches/${await newBatch()}/cancel`),
  }),
  ...rows('GET /v1/models', { list: () => get('/models') }),
  ...rows('GET /v1/models/{model}', { whole: () => get(`/models/${STORIES_ID}`) }),
  ...rows('POST /v1/moderations', {
    'a text': () => post('/moderations', { input: 'Is this fine?' }),
    'several texts': () => post('/moderations', { input: ['Is this fine?', 'And this?'] }),
  }),
  ...rows('POST /v1/audio/transcriptions', {
    json: () => form('/audio/transcriptions', { file: sound(), model: 'whisper-tiny.en' }),
    verbose_json: () =>
      form('/audio/transcriptions', {
        ...{ file: sound(), model: 'whisper-tiny.en', response_format: 'verbose_json' },
        'timestamp_granularities[]': 'word',
      }),
    'with log-probabilities': () =>
      form('/audio/transcriptions', { file: sound(), 'include[]': 'logprobs' }),
    streamed: () =>
      form('/audio/transcriptions', {
        ...{ file: sound(), model: 'whisper-tiny.en', stream: 'true', 'include[]': 'logprobs' },
      }),
  }).map((row) => ({ ...row, isThere: jfk !== null })),
  ...rows('POST /v1/audio/speech', {
    streamed: () =>
      post('/audio/speech', {
        ...{ input: 'Hello there.', model: VOICE, stream_format: 'sse' },
      }),
  }).map((row) => ({ ...row, isThere: hasVoice })),
];

/** Operations whose answers have no JSON, or whose schema is not published. */
const WITHOUT_SCHEMA: Readonly<Record<string, string>> = {
  'DELETE /v1/responses/{response_id}': 'no answer is published',
  'GET /v1/files/{file_id}/content': 'the bytes of the file',
  'POST /v1/audio/translations':
    'whisper-tiny.en does not translate: its errors are among those below',
};

/** Operations whose answers are validated on a server that trains (fine-tuning.test.ts). */
const ELSEWHERE = [
  ...['GET /v1/fine_tuning/jobs', 'POST /v1/fine_tuning/jobs'],
  ...['', '/events', '/checkpoints'].map((part) => `GET ${FINE_TUNING_JOB}${part}`),
  ...['/cancel', '/pause', '/resume'].map((part) => `POST ${FINE_TUNING_JOB}${part}`),
];

/** What each request is refused with has the shape of OpenAI's errors. */
const REFUSED: readonly (readonly [string, () => Promise<Response>])[] = [
  ['an unknown model', () => post('/chat/completions', { ...chat, model: 'nothing' })],
  ['no messages', () => post('/chat/completions', {})],
  ['a long prompt', () => post('/completions', { ...prompt, prompt: 'word '.repeat(5000) })],
  ['a wrong value', () => post('/responses', { ...input, temperature: 9 })],
  ['an unknown response', () => get('/responses/resp_0')],
  ['an unknown file', () => get('/files/file-0')],
  ['an unknown batch', () => get('/batches/batch_0')],
  ['an unknown path', () => get('/nothing')],
  ['no file', () => form('/audio/translations', { model: 'whisper-tiny.en' })],
  ['a broken body', () => server.post('/v1/embeddings', '{')],
];

interface Seen {
  nAnswer: number;
  nEvent: number;
  nValid: number;
}
const seen = new Map<string, Seen>();

function count(operation: string, kind: 'nAnswer' | 'nEvent', faults: readonly string[]): void {
  const row = seen.get(operation) ?? { nAnswer: 0, nEvent: 0, nValid: 0 };
  seen.set(operation, row);
  row[kind]++;
  if (faults.length === 0) row.nValid++;
  expect(faults.slice(0, 8)).toEqual([]);
}

async function checkAnswer({ operation, get }: Shape): Promise<void> {
  const response = await get();
  if (!response.ok) expect([response.status, await response.text()]).toEqual([200, '']);
  if (!(response.headers.get('content-type') ?? '').startsWith(EVENTS_TYPE)) {
    count(operation, 'nAnswer', answerFaults(operation, JSON_TYPE, await response.json()));
    return;
  }
  const data = (await Array.fromAsync(sseData(response))).filter((one) => one !== '[DONE]');
  expect(data.length).toBeGreaterThan(1);
  for (const one of data)
    count(operation, 'nEvent', answerFaults(operation, EVENTS_TYPE, JSON.parse(one)));
}

describe.each(Object.entries(Object.groupBy(SHAPES, ({ operation }) => operation)))(
  '%s',
  (_operation, shapes = []) => {
    test.each(shapes.map((row): [string, Shape] => [row.shape, row]))('%s', async (_, row) => {
      if (row.isThere !== false) await checkAnswer(row);
    });
  },
);

test.each(REFUSED)('refused: %s', async (_, send) => {
  const response = await send();
  expect(response.status).toBeGreaterThanOrEqual(400);
  count('errors', 'nAnswer', faultsOf('ErrorResponse', await response.json()));
});

test('a broken answer is found', () => {
  const faults = answerFaults('POST /v1/chat/completions', JSON_TYPE, { id: 'a', choices: 'none' });
  expect(faults.join('\n')).toContain('choices');
});

const served = new Set(ENDPOINTS.map(({ method, path }) => operationKey(`${method} ${path}`)));

test('every published operation that is served has a row', () => {
  const rows = new Set([
    ...SHAPES.map(({ operation }) => operation),
    ...Object.keys(WITHOUT_SCHEMA),
    ...ELSEWHERE,
  ]);
  const missing = Object.keys(OPERATIONS).filter(
    (operation) => served.has(operationKey(operation)) && !rows.has(operation),
  );
  expect(missing).toEqual([]);
  expect([...rows].filter((operation) => !served.has(operationKey(operation)))).toEqual([]);
});

/** Fields of forms that are lists or objects, read under these names with [] or [name] after them. */
const LISTS = [
  ...['include', 'timestamp_granularities', 'known_speaker_names', 'known_speaker_references'],
  ...['expires_after', 'languages', 'keywords'],
];

test('every published field of a request is honoured, reported or refused by name', () => {
  for (const [operation, { fields = [] }] of Object.entries(OPERATIONS)) {
    const key = operationKey(operation);
    const row = ENDPOINTS.find(({ method, path }) => operationKey(`${method} ${path}`) === key);
    if (row === undefined) continue;
    const known = [
      ...Object.keys(row.body?.shape ?? row.form?.shape ?? {}),
      ...(row.refused ?? []).map(({ name }) => name),
      ...(row.form === undefined ? [] : LISTS),
    ];
    expect([operation, fields.filter((name) => !known.includes(name))]).toEqual([operation, []]);
  }
});

test('every answer and event is valid', () => {
  console.table(Object.fromEntries(seen));
  for (const [operation, { nAnswer, nEvent, nValid }] of seen)
    expect([operation, nValid]).toEqual([operation, nAnswer + nEvent]);
});
