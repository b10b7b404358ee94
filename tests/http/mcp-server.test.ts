/** POST /mcp with the official client: every tool, refusals, who may call what, and calls that are given up. */
import { readFileSync } from 'node:fs';
import { McpError } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROTOCOL_VERSIONS } from '../../worker/serving/mcp/protocol.ts';
import { TOOLS } from '../../worker/apis/mcp/tools.ts';
import { ENDPOINTS } from '../../worker/gateway/endpoints.ts';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { askWith, bearer, makeKey } from '../support/keys.ts';
import { connectMcp, textOf, type McpClient } from '../support/mcp-client.ts';
import { findModelFile, findRecording } from '../support/needs.ts';

const VOICE = 'piper-en-us-joe';
const jfk = findRecording();
const hasVoice = findModelFile(VOICE) !== null;

let server: TestServer;
let key: string;
let mcp: McpClient;
beforeAll(async () => {
  const voices = hasVoice ? [VOICE] : [];
  // own server: it asks for keys.
  server = await startTestServer({
    vars: { ACCESS: 'keys' },
    models: [TINY_ENCODER_ID, 'whisper-tiny.en', 'silero-vad', ...voices],
  });
  ({ key } = await makeKey(server));
  mcp = await connectMcp(server.url, key);
});
afterAll(async () => {
  await mcp.close();
  await server.close();
});

const greedy = { max_tokens: 8, temperature: 0 };
const text = 'The sea is blue. The bread is warm.';
const messages = [{ role: 'user', content: 'Once upon a time' }];

/** Calls of every tool, in an order in which they work. */
const CALLS: readonly [string, Record<string, unknown>][] = [
  ['chat', { messages, ...greedy }],
  ['translate', { text, target: 'French', ...greedy }],
  ['summarize', { text, length: 'short', ...greedy }],
  ['rewrite', { text, tone: 'formal', ...greedy }],
  ['extract', { text, schema: { type: 'object', properties: { warm: { type: 'boolean' } } } }],
  ['classify', { text, labels: ['sea', 'land'] }],
  ['decide', { text, questions: [{ type: 'predicate', question: 'Is it warm?' }] }],
  ['answer', { question: 'What is warm?', passages: [text], ...greedy }],
  ['rerank', { query: 'bread', documents: ['the sea', 'warm bread'], model: TINY_ENCODER_ID }],
  ['moderate', { input: text }],
  ['create_collection', { name: 'notes' }],
  ['add_documents', { name: 'notes', documents: [{ id: 'a', content: text }] }],
  ['list_collections', {}],
  ['read_collection', { name: 'notes' }],
  ['list_documents', { name: 'notes' }],
  ['search_collection', { name: 'notes', query: 'sea', top_k: 2 }],
  ['answer_from_collection', { messages, retrieval: { collection: 'notes' }, ...greedy }],
  ['list_models', {}],
];
const SOUND = ['transcribe', 'speak'];

test('the client agrees on the newest protocol, and lists what the table has', async () => {
  expect(mcp.client.getServerVersion()).toMatchObject({ name: 'thimble' });
  expect(mcp.transport.protocolVersion).toBe(PROTOCOL_VERSIONS[0]);
  const { tools } = await mcp.client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(TOOLS.map(({ name }) => name));
  expect(tools.map(({ name }) => name).toSorted()).toEqual(
    [...CALLS.map(([name]) => name), ...SOUND].toSorted(),
  );
  for (const tool of tools) {
    expect(tool.description?.length, tool.name).toBeGreaterThan(20);
    expect(tool.inputSchema.type).toBe('object');
    for (const [name, property] of Object.entries(tool.inputSchema.properties ?? {}))
      expect(property, `${tool.name}.${name}`).toHaveProperty('description');
  }
  const writing = tools.filter(({ annotations }) => annotations?.readOnlyHint !== true);
  expect(writing.map(({ name }) => name)).toEqual(['create_collection', 'add_documents']);
});

test('every field of the table is one of its endpoint', () => {
  for (const { name, endpoint, fields = [], result = [], answer } of TOOLS) {
    const shape = (endpoint.body ?? endpoint.form)?.shape ?? {};
    expect([name, fields.filter((field) => !Object.hasOwn(shape, field))]).toEqual([name, []]);
    const answers = answer ?? endpoint.responses[0]?.schema;
    const known = Object.keys((answers as { shape?: object } | undefined)?.shape ?? {});
    expect([name, result.filter((field) => !known.includes(field))]).toEqual([name, []]);
    expect(ENDPOINTS).toContain(endpoint);
  }
});

// One after the other: a collection is made, then filled, then searched.
test.each(CALLS)('%s answers by its schema', async (name, args) => {
  const result = await mcp.call(name, args);
  expect([result.isError, textOf(result)]).toEqual([undefined, expect.any(String)]);
  // The client has checked it by the output schema; here that both forms say the same.
  expect(JSON.parse(textOf(result))).toEqual(result.structuredContent);
});

test('an answer is that of the endpoint', async () => {
  const result = await mcp.call('chat', { messages, ...greedy });
  const response = await askWith(server, key)('/v1/chat/completions', { messages, ...greedy });
  const { choices, model } = await response.json<{ choices: unknown; model: string }>();
  expect(result.structuredContent).toEqual({ model, choices });
  expect(model).toBe(STORIES_ID);
});

test.skipIf(jfk === null)('transcribe takes a recording in base64', async () => {
  const file = readFileSync(jfk!).toString('base64');
  const result = await mcp.call('transcribe', { file, model: 'whisper-tiny.en' });
  expect(textOf(result)).toContain('ask not what your country');
  const bad = await mcp.call('transcribe', { file: '***' });
  expect([bad.isError, textOf(bad)]).toEqual([
    true,
    expect.stringMatching(/^E_REQUEST_INVALID: file/),
  ]);
});

test.skipIf(!hasVoice)('speak answers with sound', async () => {
  const { content } = await mcp.call('speak', { input: 'Hello there.', model: VOICE });
  const [part] = content;
  if (part?.type !== 'audio') throw new Error('no sound');
  expect(part.mimeType).toBe('audio/wav');
  const bytes = atob(part.data);
  expect(bytes.slice(0, 4)).toBe('RIFF');
  expect(bytes.length).toBeGreaterThan(10_000);
});

test('personal data is redacted where a call asks for it', async () => {
  // The first sentence is quoted as it is, from what the model never saw.
  const passages = ['Write to ada@example.org at once.'];
  const asked = { question: 'Whom to write to?', passages, min_gain: -100, ...greedy };
  const result = await mcp.call('answer', { ...asked, redact: ['email'] });
  expect(result.isError).toBeUndefined();
  const { quotes } = result.structuredContent as { quotes: { text: string }[] };
  expect(quotes.map((quote) => quote.text)).toEqual(passages);
  const refused = await mcp.call('answer', { ...asked, redact: ['shoe size'] });
  expect(textOf(refused)).toMatch(/^E_REQUEST_INVALID: redact/);
});

describe('a failure', () => {
  test.each([
    ['translate', { text }, 'E_REQUEST_INVALID: target'],
    ['translate', { text, target: 5 }, 'E_REQUEST_INVALID: target'],
    ['translate', { text, target: 'French', stream: true }, 'E_REQUEST_INVALID: stream'],
    ['chat', { messages, model: 'nothing' }, 'E_MODEL_NOT_FOUND: model'],
    ['chat', { messages, temperature: -1 }, 'E_REQUEST_INVALID: temperature'],
    ['search_collection', { name: 'nothing', query: 'sea' }, 'E_NOT_FOUND'],
    ['search_collection', { name: '../notes', query: 'sea' }, 'E_'],
    ['search_collection', { query: 'sea' }, 'E_REQUEST_INVALID: name'],
    ['answer_from_collection', { messages }, 'E_REQUEST_INVALID: retrieval'],
    ['list_models', { all: true }, 'E_REQUEST_INVALID: all'],
  ])('of %s %j is a result with its code', async (name, args, code) => {
    const result = await mcp.call(name, args);
    expect([result.isError, textOf(result).slice(0, code.length)]).toEqual([true, code]);
    expect(textOf(result)).not.toMatch(/\bat .*\.(ts|js):\d/);
  });

  test('of the protocol is one of JSON-RPC', async () => {
    const unknown = mcp.client.callTool({ name: 'nothing', arguments: {} });
    await expect(unknown).rejects.toMatchObject({ code: -32602 });
    await expect(unknown).rejects.toBeInstanceOf(McpError);
    await expect(mcp.client.listPrompts()).rejects.toThrow();
    const ask = askWith(server, key);
    const answer = await ask('/mcp', { jsonrpc: '2.0', id: 'a', method: 'prompts/list' });
    expect(await answer.json()).toMatchObject({ jsonrpc: '2.0', id: 'a', error: { code: -32601 } });
    const proto = await ask('/mcp', { jsonrpc: '2.0', id: 1, method: 'constructor' });
    expect(await proto.json()).toMatchObject({ error: { code: -32601 } });
  });

  test('of HTTP is an answer with its status', async () => {
    const ask = askWith(server, key);
    expect((await ask('/mcp', [{ jsonrpc: '2.0', id: 1, method: 'ping' }])).status).toBe(400);
    expect((await ask('/mcp', { id: 1, method: 'ping' })).status).toBe(400);
    expect((await ask('/mcp')).status).toBe(405);
    expect((await ask('/mcp', undefined, 'DELETE')).status).toBe(405);
    expect(
      (await ask('/mcp', { jsonrpc: '2.0', method: 'notifications/initialized' })).status,
    ).toBe(202);
    const old = await fetch(`${server.url}/mcp`, {
      method: 'POST',
      headers: {
        ...{ 'content-type': 'application/json', 'mcp-protocol-version': '1999-01-01' },
        ...bearer(key),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
    });
    expect(old.status).toBe(400);
    const large = { jsonrpc: '2.0', id: 1, method: 'ping', params: { a: 'a'.repeat(5_000_000) } };
    expect((await ask('/mcp', large)).status).toBe(413);
  });
});

test.each([...PROTOCOL_VERSIONS, '2077-01-01'])('a client of %s is answered', async (version) => {
  const params = {
    protocolVersion: version,
    capabilities: {},
    clientInfo: { name: 'a', version: '1' },
  };
  const response = await askWith(server, key)('/mcp', {
    ...{ jsonrpc: '2.0', id: 1, method: 'initialize', params },
  });
  const { result } = await response.json<{ result: { protocolVersion: string } }>();
  const isKnown = PROTOCOL_VERSIONS.some((known) => known === version);
  expect(result.protocolVersion).toBe(isKnown ? version : PROTOCOL_VERSIONS[0]);
});

describe('a key', () => {
  test('sees and calls what its scopes allow, and nothing else', async () => {
    const { key: reader } = await makeKey(server, { scopes: ['read', 'retrieval'] });
    const other = await connectMcp(server.url, reader);
    const { tools } = await other.client.listTools();
    const allowed = TOOLS.filter(({ endpoint }) =>
      ['read', 'retrieval'].includes(endpoint.scope ?? ''),
    );
    expect(tools.map(({ name }) => name)).toEqual(allowed.map(({ name }) => name));
    expect(tools.length).toBeGreaterThan(3);
    for (const { name } of TOOLS.filter((tool) => !allowed.includes(tool))) {
      const args = CALLS.find(([called]) => called === name)?.[1] ?? {};
      const result = await other.call(name, {
        ...args,
        ...(name === 'speak' ? { input: 'a' } : {}),
      });
      const code = textOf(result).split(':')[0];
      expect([name, result.isError, code]).toEqual([name, true, 'E_ACCESS_DENIED']);
    }
    await other.close();
  });

  test('that may not search gets no answer from a collection', async () => {
    const { key: talker } = await makeKey(server, { scopes: ['read', 'chat'] });
    const other = await connectMcp(server.url, talker);
    const { tools } = await other.client.listTools();
    expect(tools.map(({ name }) => name)).not.toContain('answer_from_collection');
    const args = { messages, retrieval: { collection: 'notes' } };
    const result = await other.call('answer_from_collection', args);
    expect([result.isError, textOf(result).split(':')[0]]).toEqual([true, 'E_ACCESS_DENIED']);
    await other.close();
  });

  test('sees no collection of another', async () => {
    const { key: second } = await makeKey(server);
    const other = await connectMcp(server.url, second);
    const mine = await mcp.call('list_collections');
    expect(mine.structuredContent).toMatchObject({ data: [{ name: 'notes' }] });
    const theirs = await other.call('list_collections');
    expect(theirs.structuredContent).toMatchObject({ data: [] });
    const found = await other.call('search_collection', { name: 'notes', query: 'sea' });
    expect([found.isError, textOf(found).split(':')[0]]).toEqual([true, 'E_NOT_FOUND']);
    await other.close();
  });

  test('has the limits of its requests', async () => {
    const limits = { requestsPerMinute: 6 };
    const { key: slow } = await makeKey(server, { limits });
    const other = await connectMcp(server.url, slow);
    // Connecting took three of them, a call takes one for the message and one for the endpoint.
    const first = await other.call('list_collections');
    expect(first.isError).toBeUndefined();
    const refused = await other.call('list_collections');
    expect([refused.isError, textOf(refused).split(':')[0]]).toEqual([true, 'E_RATE_LIMIT']);
    await expect(other.call('list_collections')).rejects.toMatchObject({ code: 429 });
    await other.close();
  });

  test('that is none lets nobody in', async () => {
    await expect(connectMcp(server.url)).rejects.toThrow();
    await expect(connectMcp(server.url, 'sk-anything')).rejects.toThrow();
  });
});

describe('a call that takes long', () => {
  // Each line is a generation of its own: all of them take much longer than this test waits.
  const long = { text: 'The sea is blue.\n'.repeat(390), target: 'French', max_tokens: 200 };
  const inFlight = async (): Promise<number> => {
    const response = await askWith(server, key)('/metrics');
    const line = /^thimble_requests_in_flight\S* (\d+)$/m.exec(await response.text());
    return Number(line?.[1]);
  };

  test('tells of its progress, and ends when it is cancelled', async () => {
    const abort = new AbortController();
    const told: number[] = [];
    const called = mcp.client.callTool({ name: 'translate', arguments: long }, undefined, {
      signal: abort.signal,
      onprogress: ({ progress }) => {
        told.push(progress);
        if (told.length === 2) abort.abort('enough');
      },
    });
    await expect(called).rejects.toThrow('enough');
    expect(told).toEqual([1, 2]);
    await expect.poll(inFlight).toBe(1);
  });

  test('ends when its client leaves', async () => {
    const other = await connectMcp(server.url, key);
    const begun = Promise.withResolvers<void>();
    const called = other.client.callTool({ name: 'translate', arguments: long }, undefined, {
      onprogress: () => begun.resolve(),
    });
    called.catch(() => undefined);
    await begun.promise;
    expect(await inFlight()).toBeGreaterThan(1);
    await other.close();
    await expect(called).rejects.toThrow();
    await expect.poll(inFlight).toBe(1);
  });

  test('ends when a client that takes no events leaves', async () => {
    const abort = new AbortController();
    const called = fetch(`${server.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(key) },
      body: JSON.stringify({
        ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
        params: { name: 'translate', arguments: long },
      }),
      signal: abort.signal,
    });
    // The headers come with the first line break that asks whether the client is there.
    await called;
    expect(await inFlight()).toBeGreaterThan(1);
    abort.abort();
    await expect.poll(inFlight).toBe(1);
  });

  test('is not ended by another session or another key', async () => {
    const { key: foreign } = await makeKey(server);
    const session = mcp.transport.sessionId ?? '';
    const shorter = { ...long, max_tokens: 60 };
    const called = mcp.client.callTool({ name: 'translate', arguments: shorter });
    await expect.poll(inFlight).toBeGreaterThan(1);
    const cancel = async (who: string, named: string): Promise<void> => {
      for (let id = 0; id < 100; id++)
        await fetch(`${server.url}/mcp`, {
          method: 'POST',
          headers: {
            ...{ 'content-type': 'application/json', 'mcp-session-id': named },
            ...bearer(who),
          },
          body: JSON.stringify({
            ...{ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } },
          }),
        });
    };
    await cancel(foreign, session);
    await cancel(key, 'another');
    expect((await called).structuredContent).toHaveProperty('translation');
  });
});
