/** Adapters over HTTP: named in requests, together in a batch, listed, replaced, evicted, refused. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../engine/base/sha256.ts';
import { JS_HEAP_BYTES } from '../../engine/model/memory/budget.ts';
import { importModel } from '../../scripts/import/import-model.ts';
import { openAdapter } from '../../scripts/import/open/open-adapter.ts';
import {
  addAdapter,
  keysOfAdapters,
  listAdapters,
  readBase,
  removeAdapter,
} from '../../scripts/push/adapters.ts';
import { deleteModel } from '../../scripts/push/delete-model.ts';
import { adaptersKey, manifestKey } from '../../worker/platform/model-keys.ts';
import {
  addRandomAdapters,
  ggufPath,
  goldenLogits,
  peftFolder,
  writeBaseFolder,
} from '../support/adapter-fixtures.ts';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { askWith, makeKey } from '../support/keys.ts';
import { temporaryFolder } from '../support/models.ts';
import { placeByHand } from '../support/placed-by-hand.ts';

/** An adapter of seven projections of stories260K of rank 4 takes about 100 kB. */
const ROOM_FOR_TWO = '250000';
const GOLDEN_ID = 'golden';

const modelOf = (name: string | null) => (name === null ? STORIES_ID : `${STORIES_ID}:${name}`);

interface Completion {
  readonly model: string;
  readonly choices: readonly {
    readonly text: string;
    readonly logprobs: {
      readonly token_logprobs: readonly (number | null)[];
      readonly tokens: readonly string[];
    };
  }[];
  readonly usage: { readonly prompt_tokens_details: { readonly cached_tokens: number } };
}

async function complete(
  server: Pick<TestServer, 'post'>,
  name: string | null,
  more: object = {},
): Promise<Completion> {
  const response = await server.post('/v1/completions', {
    ...{ model: modelOf(name), prompt: 'Once upon a time', temperature: 0 },
    ...{ max_tokens: 16, logprobs: 3, ...more },
  });
  expect([name, response.status]).toEqual([name, 200]);
  return await response.json<Completion>();
}

interface Failure {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly param: string;
}

async function failureOf(response: Response): Promise<Failure> {
  const { error } = await response.json<{ error: Omit<Failure, 'status'> }>();
  return { ...error, status: response.status };
}

describe('a server with adapters', () => {
  let server: TestServer;
  /** What the base says on a server without adapters. */
  let bare: Completion;
  beforeAll(async () => {
    // own server: adapters come and go.
    server = await startTestServer({ vars: { ADAPTER_BYTES: ROOM_FOR_TWO } });
    bare = await complete(server, null);
    await server.restart(() =>
      addRandomAdapters(server.bucket, STORIES_ID, {
        ...{ poet: { seed: 1 }, clerk: { seed: 2 }, judge: { seed: 3 } },
      }),
    );
  });
  afterAll(() => server.close());

  test('gives the base, two adapters and all of them at once what each gives alone', async () => {
    const names = [null, 'poet', 'clerk'];
    const alone = [];
    for (const name of names) alone.push((await complete(server, name)).choices);
    expect(alone[0]).toEqual(bare.choices);
    expect(new Set(alone.map(([choice]) => choice!.text)).size).toBe(3);
    const both = await Promise.all([...names, ...names].map((name) => complete(server, name)));
    expect(both.map(({ choices }) => choices)).toEqual([...alone, ...alone]);
    expect(both.map(({ model }) => model)).toEqual([...names, ...names].map(modelOf));
  });

  test('keeps the prefixes of each apart, and finds them again', async () => {
    const prompt = 'The big dog and the small cat went to the park to play with a red ball.';
    const cached = async (name: string | null) => {
      const { usage } = await complete(server, name, { prompt });
      return usage.prompt_tokens_details.cached_tokens;
    };
    for (const name of [null, 'poet']) {
      const first = await cached(name);
      expect(first).toBeLessThan(5);
      expect(await cached(name)).toBeGreaterThan(first + 5);
    }
  });

  test('evicts the least recently used when a third one needs its room, and loads it again', async () => {
    const before = await complete(server, 'poet');
    const texts = [];
    for (const name of ['clerk', 'judge', 'poet', 'clerk', 'judge', 'poet'])
      texts.push((await complete(server, name)).choices);
    expect(texts[2]).toEqual(before.choices);
    expect(texts[5]).toEqual(before.choices);
    expect(texts.slice(3)).toEqual(texts.slice(0, 3));
    // All three want the room of two: one waits until another has ended.
    const all = await Promise.all(['judge', 'poet', 'clerk'].map((name) => complete(server, name)));
    expect(all.map(({ choices }) => choices)).toEqual([texts[1], texts[2], texts[0]]);
  });

  test('answers the same after a restart', async () => {
    const before = await complete(server, 'judge');
    await server.restart();
    expect((await complete(server, 'judge')).choices).toEqual(before.choices);
  });

  test.each([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'Hi' }] }],
    ['/v1/responses', { input: 'Hi' }],
    ['/v1/messages', { messages: [{ role: 'user', content: 'Hi' }] }],
    ['/api/chat', { messages: [{ role: 'user', content: 'Hi' }], stream: false }],
    ['/api/generate', { prompt: 'Hi', stream: false }],
    ['/v1/tasks/summarize', { text: 'The cat sat on the mat. It was a red mat.' }],
  ])('answers under its name at %s', async (path, body) => {
    const limits = { max_tokens: 4, max_output_tokens: 4 };
    const response = await server.post(path, { model: modelOf('poet'), ...limits, ...body });
    expect([response.status, (await response.json<{ model: string }>()).model]).toEqual([
      200,
      modelOf('poet'),
    ]);
  });

  test('answers in a session', async () => {
    const messages = [{ role: 'user', content: 'Hi' }];
    const body = { model: modelOf('poet'), messages, max_tokens: 4, session: 'adapted' };
    const answers = [];
    for (const turn of [body, { ...body, messages: [{ role: 'user', content: 'And?' }] }]) {
      const response = await server.post('/v1/chat/completions', turn);
      expect(response.status).toBe(200);
      answers.push((await response.json<{ model: string }>()).model);
    }
    expect(answers).toEqual([modelOf('poet'), modelOf('poet')]);
  });

  test('is listed with its parent', async () => {
    const get = async (path: string, headers = {}) =>
      await (await fetch(`${server.url}${path}`, { headers })).json<Record<string, unknown>>();
    const { data } = await get('/v1/models');
    const listed = (data as { id: string }[]).find(({ id }) => id === modelOf('poet'));
    expect(listed).toMatchObject({
      ...{ id: modelOf('poet'), parent: STORIES_ID, licence: 'mit', owned_by: 'test' },
      thimble: { kind: 'decoder', adapter: { rank: 4, invocation_tokens: null } },
    });
    expect(await get(`/v1/models/${modelOf('poet')}`)).toEqual(listed);
    const tags = (await get('/api/tags')) as { models: { name: string }[] };
    expect(tags.models.map(({ name }) => name)).toContain(modelOf('poet'));
    const anthropic = (await get('/v1/models', { 'anthropic-version': '2023-06-01' })) as {
      data: { id: string }[];
    };
    expect(anthropic.data.map(({ id }) => id)).toContain(modelOf('clerk'));
  });

  test.each([
    ['nobody', /no adapter "nobody" of stories260k; expected one of: .*poet.*thimble adapter ls/],
    ['', /no adapter "" of stories260k/],
    ['poet:clerk', /no adapter "poet:clerk"/],
    ['../manifest', /no adapter "\.\.\/manifest"/],
    ['x'.repeat(120), /no adapter "x{100}"/],
  ])('refuses the unknown adapter %s', async (name, message) => {
    const body = { model: modelOf(name), prompt: 'Hi', max_tokens: 1 };
    const failure = await failureOf(await server.post('/v1/completions', body));
    expect(failure).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
    expect(failure.message).toMatch(message);
  });

  test('refuses an adapter of an unknown model', async () => {
    const body = { model: 'nothing:poet', prompt: 'Hi', max_tokens: 1 };
    const failure = await failureOf(await server.post('/v1/completions', body));
    expect(failure).toMatchObject({ status: 404, code: 'model_not_found' });
    expect(failure.message).toMatch(/no model "nothing:poet"/);
  });

  test('serves one that is added while it runs, and no longer one that was removed', async () => {
    const { bucket } = server;
    await addRandomAdapters(bucket, STORIES_ID, { guest: { seed: 9 } });
    const ask = (name: string) =>
      server.post('/v1/completions', { model: modelOf(name), prompt: 'Hi', max_tokens: 1 });
    await expect.poll(async () => (await ask('guest')).status, { timeout: 10_000 }).toBe(200);
    await removeAdapter(bucket, { base: STORIES_ID, name: 'guest' });
    await expect.poll(async () => (await ask('guest')).status, { timeout: 10_000 }).toBe(404);
    expect((await keysOfAdapters(bucket, STORIES_ID)).length).toBe(4);
  });

  test('says so when the file of one is damaged, or its base was replaced', async () => {
    const { bucket } = server;
    await addRandomAdapters(bucket, STORIES_ID, { broken: { seed: 11 }, stranger: { seed: 12 } });
    const key = (await keysOfAdapters(bucket, STORIES_ID)).find((one) => one.includes('broken'))!;
    const bytes = (await bucket.getBytes(key))!;
    bytes[bytes.length - 1]! ^= 1;
    await bucket.put(key, bytes, await sha256Hex(Uint8Array.from(bytes)));
    const text = (await bucket.getText(adaptersKey(STORIES_ID)))!;
    const list = JSON.parse(text) as { adapters: { name: string; baseSha256: string }[] };
    list.adapters.find(({ name }) => name === 'stranger')!.baseSha256 = 'f'.repeat(64);
    const changed = new TextEncoder().encode(JSON.stringify(list));
    await bucket.put(adaptersKey(STORIES_ID), changed, await sha256Hex(Uint8Array.from(changed)));
    await server.restart();
    const ask = async (name: string) => {
      const body = { model: modelOf(name), prompt: 'Hi', max_tokens: 1 };
      return await failureOf(await server.post('/v1/completions', body));
    };
    expect(await ask('broken')).toMatchObject({
      ...{ status: 500, code: 'E_WEIGHTS_HASH' },
      message: expect.stringMatching(/Add the adapter again/) as string,
    });
    expect(await ask('stranger')).toMatchObject({
      ...{ status: 500, code: 'E_ADAPTER_BASE' },
      message: expect.stringMatching(/thimble adapter add stories260k:stranger PATH/) as string,
    });
    expect((await complete(server, null)).choices).toEqual(bare.choices);
    await removeAdapter(bucket, { base: STORIES_ID, name: 'broken' });
    await removeAdapter(bucket, { base: STORIES_ID, name: 'stranger' });
  });
});

test('a server that began without adapters serves one that is added, with another plan', async () => {
  // own server: it begins without.
  const server = await startTestServer();
  try {
    const bare = await complete(server, null);
    await addRandomAdapters(server.bucket, STORIES_ID, { late: { seed: 5 } });
    const ask = () =>
      server.post('/v1/completions', { model: modelOf('late'), prompt: 'Hi', max_tokens: 1 });
    await expect.poll(async () => (await ask()).status, { timeout: 10_000 }).toBe(200);
    expect((await complete(server, null)).choices).toEqual(bare.choices);
  } finally {
    await server.close();
  }
});

test('an isolate takes room from the context, and says so with both numbers where that is too little', async () => {
  // own server: a budget of its own, of which the model leaves nothing.
  const server = await startTestServer({
    vars: { MEMORY_BUDGET_BYTES: String(JS_HEAP_BYTES + 3_000_000) },
    prepare: (bucket) =>
      addRandomAdapters(bucket, STORIES_ID, { poet: { seed: 1 }, huge: { seed: 2, rank: 64 } }),
  });
  try {
    const ask = (name: string | null) =>
      server.post('/v1/completions', { model: modelOf(name), prompt: 'Hi', max_tokens: 1 });
    const failure = await failureOf(await ask('huge'));
    expect(failure).toMatchObject({ status: 507, code: 'E_MEMORY_BUDGET' });
    expect(failure.message).toMatch(
      /needs \d+ bytes; beside stories260k and half of its context there are \d+.*thimble push stories260k --ctx N/,
    );
    for (const name of ['poet', null]) expect((await ask(name)).status).toBe(200);
    // Of 512 positions half are left.
    const long = { model: STORIES_ID, prompt: Array<number>(400).fill(10), max_tokens: 1 };
    const tooLong = await failureOf(await server.post('/v1/completions', long));
    expect(tooLong).toMatchObject({ status: 400, code: 'context_length_exceeded' });
  } finally {
    await server.close();
  }
});

test('requests of a batch may name adapters', async () => {
  // own server: it has adapters.
  const server = await startTestServer({
    prepare: (bucket) =>
      addRandomAdapters(bucket, STORIES_ID, { poet: { seed: 1 }, clerk: { seed: 2 } }),
  });
  try {
    const names = ['poet', 'clerk', null, 'nobody'];
    const lines = names.map((name, i) => {
      const body = { model: modelOf(name), prompt: 'Once', max_tokens: 4, temperature: 0 };
      return { custom_id: String(i), method: 'POST', url: '/v1/completions', body };
    });
    const form = new FormData();
    form.set('purpose', 'batch');
    const content = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    form.set('file', new Blob([content]), 'requests.jsonl');
    const sent = await fetch(`${server.url}/v1/files`, { method: 'POST', body: form });
    const { id: input_file_id } = await sent.json<{ id: string }>();
    const made = await server.post('/v1/batches', {
      ...{ input_file_id, endpoint: '/v1/completions', completion_window: '24h' },
    });
    const { id } = await made.json<{ id: string }>();
    const read = async () =>
      await (
        await fetch(`${server.url}/v1/batches/${id}`)
      ).json<{ status: string; output_file_id: string; request_counts: object }>();
    await expect.poll(async () => (await read()).status, { timeout: 20_000 }).toBe('completed');
    const { output_file_id, request_counts } = await read();
    expect(request_counts).toEqual({ total: 4, completed: 3, failed: 1 });
    const output = await fetch(`${server.url}/v1/files/${output_file_id}/content`);
    const answers = (await output.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { response: { body: { model: string } } });
    expect(answers.map(({ response }) => response.body.model).sort()).toEqual(
      [modelOf('poet'), modelOf('clerk'), modelOf(null)].sort(),
    );
  } finally {
    await server.close();
  }
});

describe('a model over three isolates', () => {
  let server: TestServer;
  beforeAll(async () => {
    // own server: its model is placed by hand.
    server = await startTestServer({ prepare: (bucket) => placeByHand(bucket) });
  });
  afterAll(() => server.close());

  test('gives with adapters what one isolate gives', async () => {
    const bare = await complete(server, null);
    const add = () =>
      addRandomAdapters(server.bucket, STORIES_ID, { poet: { seed: 1 }, clerk: { seed: 2 } });
    // Its stages were loaded without room for adapters.
    await add();
    const ask = () =>
      server.post('/v1/completions', { model: modelOf('poet'), prompt: 'Hi', max_tokens: 1 });
    await expect.poll(async () => (await ask()).status, { timeout: 10_000 }).toBe(200);
    const names = [null, 'poet', 'clerk'];
    const divided = await Promise.all(names.map((name) => complete(server, name)));
    expect(divided[0]!.choices).toEqual(bare.choices);
    // own server: one isolate holds all of it.
    const whole = await startTestServer({
      prepare: (bucket) =>
        addRandomAdapters(bucket, STORIES_ID, { poet: { seed: 1 }, clerk: { seed: 2 } }),
    });
    try {
      const together = await Promise.all(names.map((name) => complete(whole, name)));
      expect(divided.map(({ choices }) => choices)).toEqual(together.map(({ choices }) => choices));
    } finally {
      await whole.close();
    }
    // From cold, all at once.
    await server.restart();
    const again = await Promise.all(names.map((name) => complete(server, name)));
    expect(again.map(({ choices }) => choices)).toEqual(divided.map(({ choices }) => choices));
  });
});

test('activated adapters share what comes before their invocation with the base', async () => {
  // own server: its cache is counted.
  const server = await startTestServer();
  try {
    const response = await server.post('/tokenize', { content: 'a red ball' });
    const { tokens } = await response.json<{ tokens: number[] }>();
    const activation = tokens.slice(-2);
    await server.restart(() =>
      addRandomAdapters(server.bucket, STORIES_ID, { active: { seed: 4, activation } }),
    );
    const story = 'The big dog and the small cat went to the park. They play with';
    const before = await complete(server, null, { prompt: story });
    const nStory = before.usage.prompt_tokens_details.cached_tokens;
    expect(nStory).toBe(0);
    const base = await complete(server, null, { prompt: `${story} a red ball` });
    const active = await complete(server, 'active', { prompt: `${story} a red ball` });
    expect(active.usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(10);
    expect(active.choices[0]!.text).not.toBe(base.choices[0]!.text);
    // Without its invocation it is the base.
    const silent = await complete(server, 'active', { prompt: story });
    expect(silent.choices).toEqual(before.choices);
    expect(silent.usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(10);
    await server.restart();
    const cold = await complete(server, 'active', { prompt: `${story} a red ball` });
    expect(cold.usage.prompt_tokens_details.cached_tokens).toBe(0);
    expect(cold.choices).toEqual(active.choices);
  } finally {
    await server.close();
  }
});

test('a key names each adapter that it may use', async () => {
  // own server: it asks for keys.
  const server = await startTestServer({
    vars: { ACCESS: 'keys' },
    prepare: (bucket) =>
      addRandomAdapters(bucket, STORIES_ID, { poet: { seed: 1 }, clerk: { seed: 2 } }),
  });
  try {
    const statuses = async (models: string[]) => {
      const { key } = await makeKey(server, { models });
      const ask = askWith(server, key);
      const found = [];
      for (const name of [null, 'poet', 'clerk'])
        found.push(
          (await ask('/v1/completions', { model: modelOf(name), prompt: 'Hi', max_tokens: 1 }))
            .status,
        );
      const { data } = await (await ask('/v1/models')).json<{ data: { id: string }[] }>();
      return [...found, data.map(({ id }) => id).sort()];
    };
    const [poet, clerk] = [modelOf('poet'), modelOf('clerk')];
    expect(await statuses([STORIES_ID])).toEqual([200, 404, 404, [STORIES_ID]]);
    expect(await statuses([poet])).toEqual([404, 200, 404, [poet]]);
    expect(await statuses([`${STORIES_ID}:*`])).toEqual([404, 200, 200, [clerk, poet]]);
  } finally {
    await server.close();
  }
});

test('adapters of PEFT and llama.cpp give the log-probabilities of torch', async () => {
  await using folder = await temporaryFolder();
  const [input, modelsRoot] = [join(folder.path, 'base'), join(folder.path, 'models')];
  await writeBaseFolder(input);
  await importModel({ input, id: GOLDEN_ID, preset: 'lossless', outRoot: modelsRoot });
  const files = {
    ...{ all: peftFolder('all'), patterns: peftFolder('patterns') },
    ...{ activated: peftFolder('activated'), 'all-gguf': ggufPath('all') },
  };
  // own server: it has a model of its own.
  const server = await startTestServer({
    imported: { modelsRoot, ids: [GOLDEN_ID] },
    async prepare(bucket) {
      const manifest = await readBase(bucket, GOLDEN_ID);
      for (const [name, path] of Object.entries(files)) {
        const adapter = await openAdapter(path, manifest);
        const about = { licence: 'mit', source: 'test' };
        await addAdapter(bucket, { base: GOLDEN_ID, name }, adapter, manifest, about);
      }
    },
  });
  try {
    const { tokens, logits } = await goldenLogits();
    const check = async (name: string, model: string) => {
      const body = { model, prompt: tokens, max_tokens: 0, echo: true, logprobs: 0 };
      const response = await server.post('/v1/completions', body);
      expect(response.status).toBe(200);
      const { choices } = await response.json<Completion>();
      const got = choices[0]!.logprobs.token_logprobs.slice(1).map(Number);
      const expected = tokens.slice(1).map((token, i) => logprob(logits[name]![i]!, token));
      for (const [i, value] of expected.entries()) expect(got[i]).toBeCloseTo(value, 1);
    };
    // All at once, in the same passes.
    await Promise.all([
      check('base', GOLDEN_ID),
      ...Object.keys(files).map((name) => check(name.replace('-gguf', ''), `${GOLDEN_ID}:${name}`)),
    ]);
    const listed = await listAdapters(server.bucket, [GOLDEN_ID]);
    expect(listed.map(({ name, rank, projections }) => [name, rank, projections.length])).toEqual([
      ['all', 4, 7],
      ['patterns', 4, 2],
      ['activated', 8, 3],
      ['all-gguf', 4, 7],
    ]);
    await deleteModel(server.bucket, GOLDEN_ID);
    expect(await server.bucket.getText(manifestKey(GOLDEN_ID))).toBeNull();
    expect(await server.bucket.listKeys(`models/${GOLDEN_ID}/`)).toEqual([]);
  } finally {
    await server.close();
  }
});

function logprob(row: readonly number[], token: number): number {
  const top = Math.max(...row);
  const sum = row.reduce((total, x) => total + Math.exp(x - top), 0);
  return row[token]! - top - Math.log(sum);
}
