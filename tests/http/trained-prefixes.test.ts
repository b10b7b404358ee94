/** Trained prefixes over HTTP: texts go on after them as after what they were made of, in one isolate and over three. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TrainedPrefix } from '../../engine/adapters/prefix.ts';
import { hashBytes } from '../../scripts/lib/hash-file.ts';
import { FileModelSource } from '../../scripts/node-host/model-files.ts';
import { addAdapter, readBase } from '../../scripts/push/adapters.ts';
import type { Bucket } from '../../scripts/push/bucket.ts';
import { adaptersKey } from '../../worker/platform/model-keys.ts';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { importedModel } from '../support/models.ts';
import { placeByHand } from '../support/placed-by-hand.ts';
import { randomTokens } from '../support/random-llama.ts';
import { BOS } from '../support/requests.ts';
import { prefixOf } from '../support/trained-prefix.ts';

const N_PREFIX = 70;
const MODEL = `${STORIES_ID}:story`;
const ABOUT = { licence: 'mit', source: 'test' };
const TOKENS = [BOS, ...randomTokens(N_PREFIX + 19)];

let prefix: TrainedPrefix;
beforeAll(async () => {
  const { folder, manifest } = await importedModel(STORIES_ID, 'decoder');
  prefix = await prefixOf(new FileModelSource(folder, manifest), TOKENS.slice(0, N_PREFIX));
});

async function addPrefix(bucket: Bucket): Promise<void> {
  const manifest = await readBase(bucket, STORIES_ID);
  await addAdapter(bucket, { base: STORIES_ID, name: 'story' }, prefix, manifest, ABOUT);
}

interface Completion {
  readonly choices: readonly { readonly text: string }[];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  };
}

async function complete(
  server: TestServer,
  model: string,
  prompt: readonly number[],
): Promise<Completion> {
  const body = { model, prompt, temperature: 0, max_tokens: 16 };
  const response = await server.post('/v1/completions', body);
  expect(response.status).toBe(200);
  return await response.json<Completion>();
}

/** What is answered after the prefix, once it was compared with what the base says after the whole text. */
async function expectGoesOn(server: TestServer): Promise<string> {
  const [whole, rest] = [TOKENS, TOKENS.slice(N_PREFIX)];
  const expected = (await complete(server, STORIES_ID, whole)).choices[0]!.text;
  const found = await complete(server, MODEL, rest);
  expect(found.choices[0]!.text).toBe(expected);
  expect((await complete(server, STORIES_ID, rest)).choices[0]!.text).not.toBe(expected);
  expect(found.usage.prompt_tokens).toBe(rest.length);
  const again = await complete(server, MODEL, rest);
  expect(again.choices).toEqual(found.choices);
  expect(again.usage.prompt_tokens_details.cached_tokens).toBe(rest.length - 1);
  return expected;
}

describe('a server', () => {
  let server: TestServer;
  beforeAll(async () => {
    // own server: it has an adapter.
    server = await startTestServer({ prepare: addPrefix });
  });
  afterAll(() => server.close());

  test('goes on after a prefix as after its text, also after a restart', async () => {
    const said = await expectGoesOn(server);
    await server.restart();
    expect((await complete(server, MODEL, TOKENS.slice(N_PREFIX))).choices[0]!.text).toBe(said);
  });

  test('lists it with its positions, and leaves them out of the context', async () => {
    const get = async (path: string) =>
      await (await fetch(`${server.url}${path}`)).json<Record<string, unknown>>();
    expect(await get(`/v1/models/${MODEL}`)).toMatchObject({
      ...{ id: MODEL, parent: STORIES_ID, licence: 'mit' },
      thimble: { adapter: { rank: 0, projections: [], prefix_tokens: N_PREFIX } },
    });
    const body = { model: MODEL, prompt: randomTokens(500), max_tokens: 1 };
    const response = await server.post('/v1/completions', body);
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(/maximum context length is \d+ tokens/);
  });

  test('refuses a record that says another number of positions', async () => {
    const key = adaptersKey(STORIES_ID);
    const text = (await server.bucket.getText(key))!;
    await server.restart(async () => {
      const bytes = new TextEncoder().encode(text.replace(`"nPrefix":${N_PREFIX}`, '"nPrefix":64'));
      await server.bucket.put(key, bytes, hashBytes(bytes));
    });
    const body = { model: MODEL, prompt: 'Hi', max_tokens: 1 };
    const response = await server.post('/v1/completions', body);
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(await response.text()).toMatch(/a prefix of 70 positions; expected 64/);
    await server.restart(() => addPrefix(server.bucket));
    expect((await complete(server, MODEL, [BOS, 5])).choices).toHaveLength(1);
  });
});

test('a model over three isolates goes on after a prefix of which each has its layers', async () => {
  // own server: its model is placed by hand.
  const server = await startTestServer({
    async prepare(bucket) {
      await placeByHand(bucket);
      await addPrefix(bucket);
    },
  });
  try {
    await expectGoesOn(server);
  } finally {
    await server.close();
  }
});
