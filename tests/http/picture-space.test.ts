/** Texts and pictures in one space over HTTP, with the tower of the kit and the real encoders, in workerd. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toBase64 } from '../../engine/base/base64.ts';
import { openTower } from '../../scripts/import/open/open-adapter.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { addTower, readTextedBase } from '../../scripts/push/adapters.ts';
import type { Bucket } from '../../scripts/push/bucket.ts';
import { dot } from '../../worker/serving/embedding/dot.ts';
import { MINILM_ID } from '../support/encoders.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { runThimble } from '../support/program.ts';

const ENCODER_ID = 'efficientnet-lite0';
const MODEL = `${MINILM_ID}:pictures`;
const FOLDER = join(repoRoot, 'tests/golden/space');
const ABOUT = { licence: 'apache-2.0', source: 'test' };

interface GoldenRow {
  readonly image: string;
  readonly captions: readonly [string];
}

let server: TestServer;
let rows: readonly GoldenRow[];
const files = new Map<string, Uint8Array<ArrayBuffer>>();
beforeAll(async () => {
  const lines = (await readFile(join(FOLDER, 'captions.jsonl'), 'utf8')).trim().split('\n');
  rows = lines.map((line) => JSON.parse(line) as GoldenRow);
  for (const { image } of rows)
    files.set(image, new Uint8Array(await readFile(join(FOLDER, image))));
  const prepare = async (bucket: Bucket): Promise<void> => {
    const base = await readTextedBase(bucket, MINILM_ID);
    if (base.kind !== 'encoder') throw new Error(base.kind);
    const tower = await openTower(join(repoRoot, 'assets/space'), base);
    const add = async (name: string, changes: Partial<typeof tower.facts>): Promise<void> => {
      const own = { ...tower, facts: { ...tower.facts, ...changes } };
      await addTower(bucket, { base: MINILM_ID, name }, own, base, ABOUT);
    };
    await add('pictures', {});
    await add('lost', { encoder: 'nowhere' });
    await add('other', { encoderSha256: '0'.repeat(64) });
  };
  // own server: its models have towers.
  server = await startTestServer({
    models: [MINILM_ID, ENCODER_ID],
    prepare,
    vars: { EMBEDDING_MODEL: MODEL },
  });
});
afterAll(() => server.close());

const url = (image: string): string => `data:image/jpeg;base64,${toBase64(files.get(image)!)}`;
const part = (image: string) => ({ type: 'image_url', image_url: { url: url(image) } });

interface Embedded {
  readonly data: readonly { readonly index: number; readonly embedding: readonly number[] }[];
  readonly model: string;
  readonly usage: { readonly prompt_tokens: number; readonly images?: number };
}

async function embed(input: unknown, more: object = {}): Promise<Embedded> {
  const response = await server.post('/v1/embeddings', { model: MODEL, input, ...more });
  expect(response.status).toBe(200);
  return await response.json<Embedded>();
}

interface Failure {
  readonly error: { readonly code: string; readonly param: string; readonly message: string };
}

async function refused(path: string, body: unknown, status = 400): Promise<Failure['error']> {
  const response = await server.post(path, body);
  expect(response.status).toBe(status);
  return (await response.json<Failure>()).error;
}

describe('embeddings', () => {
  test('every caption is nearest to its own picture', async () => {
    const { data } = await embed([
      ...rows.map(({ image }) => part(image)),
      ...rows.map(({ captions }) => captions[0]),
    ]);
    const vectors = data.map(({ embedding }) => embedding);
    const [pictures, texts] = [vectors.slice(0, rows.length), vectors.slice(rows.length)];
    for (const [i, text] of texts.entries()) {
      const cosines = pictures.map((picture) => dot(text, picture));
      expect(cosines.indexOf(Math.max(...cosines)), rows[i]!.captions[0]).toBe(i);
    }
    for (const picture of pictures) expect(dot(picture, picture)).toBeCloseTo(1, 5);
  });

  test('pictures stand among texts in their places, and texts are those of the base', async () => {
    const { image } = rows[0]!;
    const mixed = await embed(['sea', part(image), { type: 'text', text: 'bread' }]);
    expect(mixed.model).toBe(MODEL);
    expect(mixed.data.map(({ index }) => index)).toEqual([0, 1, 2]);
    const texts = await embed(['sea', 'bread'], { model: MINILM_ID });
    expect(mixed.data[0]!.embedding).toEqual(texts.data[0]!.embedding);
    expect(mixed.data[2]!.embedding).toEqual(texts.data[1]!.embedding);
    const alone = await embed([{ type: 'image_url', image_url: url(image) }]);
    expect(mixed.data[1]!.embedding).toEqual(alone.data[0]!.embedding);
    expect(mixed.usage.images).toBe(1);
    expect(mixed.usage.prompt_tokens - texts.usage.prompt_tokens).toBe(16);
    expect(texts.usage).not.toHaveProperty('images');
  });

  test('shorter ones are of length one, too', async () => {
    const { data } = await embed([part(rows[1]!.image)], { dimensions: 64 });
    expect(data[0]!.embedding).toHaveLength(64);
    expect(dot(data[0]!.embedding, data[0]!.embedding)).toBeCloseTo(1, 5);
  });

  test('what cannot be embedded is refused by its name', async () => {
    const { image } = rows[0]!;
    const ask = (input: unknown, model = MODEL, status = 400) =>
      refused('/v1/embeddings', { model, input }, status);
    const texts = await ask(['sea', part(image)], MINILM_ID);
    expect(texts).toMatchObject({ code: 'E_REQUEST_INVALID', param: 'input[1].image_url.url' });
    expect(texts.message).toContain('thimble adapter add');
    const noPicture = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
    expect(await ask(['sea', noPicture])).toMatchObject({
      ...{ code: 'E_IMAGE_INVALID', param: 'input[1].image_url.url' },
    });
    const address = { type: 'image_url', image_url: { url: 'https://example.org/a.png' } };
    expect(await ask([address])).toMatchObject({ param: 'input[0].image_url.url' });
    expect(await ask([{ type: 'sound', url: 'x' }])).toMatchObject({ param: 'input[0].type' });
    const many = Array.from({ length: 17 }, () => part(image));
    expect((await ask(many)).message).toContain('at most 16 pictures');
    expect(await ask([part(image)], `${MINILM_ID}:lost`, 404)).toMatchObject({
      code: 'model_not_found',
    });
    expect((await ask([part(image)], `${MINILM_ID}:other`, 500)).code).toBe('E_ADAPTER_BASE');
    expect((await ask(['sea'], `${MINILM_ID}:nothing`, 404)).message).toContain(MODEL);
  });

  test('the model is listed with what it reads and sees through', async () => {
    const response = await fetch(`${server.url}/v1/models/${MODEL}`);
    const json = await response.json<{
      parent: string;
      thimble: { modalities: { input: string[] }; adapter: { image_encoder: string } };
    }>();
    expect(json.parent).toBe(MINILM_ID);
    expect(json.thimble.modalities.input).toEqual(['text', 'image']);
    expect(json.thimble.adapter.image_encoder).toBe(ENCODER_ID);
  });
});

describe('collections', () => {
  const NAME = 'photos';
  interface Hit {
    readonly document: string;
    readonly text: string;
    readonly location: { readonly unit: string } | null;
    readonly vector_score: number | null;
  }
  const search = async (body: object): Promise<readonly Hit[]> => {
    const response = await server.post(`/v1/collections/${NAME}/search`, body);
    expect(response.status).toBe(200);
    return (await response.json<{ data: Hit[] }>()).data;
  };

  beforeAll(async () => {
    await server.post('/v1/collections', { name: NAME, model: MODEL });
    const documents = rows.slice(0, 3).map(({ image }) => ({
      ...{ id: image, content: toBase64(files.get(image)!), content_type: 'image/jpeg' },
    }));
    const text = { id: 'bread.txt', content: 'Bread is baked in the morning.' };
    const added = await server.post(`/v1/collections/${NAME}/documents`, {
      documents: [...documents, text],
    });
    expect(await added.json()).toMatchObject({ failed: 0 });
    const form = new FormData();
    const { image, captions } = rows[3]!;
    form.set('caption', captions[0]);
    form.set('file', new File([files.get(image)!], image));
    const path = `${server.url}/v1/collections/${NAME}/files`;
    const uploaded = await fetch(path, { method: 'POST', body: form });
    expect(await uploaded.json()).toMatchObject({ failed: 0 });
  });

  test('words find a picture that has none, and are told that it is one', async () => {
    for (const mode of ['vector', 'hybrid']) {
      const [first] = await search({ query: rows[1]!.captions[0], mode, top_k: 2 });
      expect(first).toMatchObject({ document: rows[1]!.image, text: rows[1]!.image });
      expect(first!.location).toEqual({ unit: 'picture', first: 1, last: 1 });
    }
    const [bread] = await search({ query: 'When is bread baked?', top_k: 1 });
    expect(bread).toMatchObject({ document: 'bread.txt', location: null });
  });

  test('a caption is found by its words and by its meaning', async () => {
    const { image, captions } = rows[3]!;
    for (const mode of ['text', 'vector', 'hybrid'])
      expect((await search({ query: captions[0], mode, top_k: 1 }))[0]).toMatchObject({
        ...{ document: image, text: captions[0] },
      });
  });

  test('a picture finds itself, and others behind it', async () => {
    const hits = await search({ image: url(rows[0]!.image), top_k: 5 });
    expect(hits).toHaveLength(5);
    expect(hits[0]!.document).toBe(rows[0]!.image);
    // Stored vectors are rounded.
    expect(hits[0]!.vector_score).toBeGreaterThan(0.99);
  });

  test('the program adds pictures and searches by words and by a picture', async () => {
    const run = (...args: readonly string[]) =>
      runThimble(['search', 'albums', '--url', server.url, ...args], { home: FOLDER });
    const [file, other] = [join(FOLDER, rows[0]!.image), join(FOLDER, rows[3]!.image)];
    const made = await run('--create', '-m', MODEL, '--add', file, '--caption', 'our planet');
    expect(made).toMatchObject({ code: 0 });
    expect(await run('--add', other)).toMatchObject({ code: 0 });
    const found = async (query: string): Promise<string> => {
      const { stdout } = await run(query, '--json');
      return (JSON.parse(stdout) as { hits: Hit[] }).hits[0]!.document;
    };
    expect(await found(rows[3]!.captions[0])).toBe(rows[3]!.image);
    expect(await found(file)).toBe(rows[0]!.image);
    const two = await run('--add', file, other, '--caption', 'two');
    expect(two.code).not.toBe(0);
    expect(two.stderr).toContain('--caption');
  });

  test('what does not fit is refused by its name', async () => {
    const image = url(rows[0]!.image);
    const path = `/v1/collections/${NAME}/search`;
    expect(await refused(path, { top_k: 1 })).toMatchObject({ param: 'query' });
    expect(await refused(path, { query: 'sea', image })).toMatchObject({ param: 'query' });
    expect(await refused(path, { image, mode: 'text' })).toMatchObject({ param: 'mode' });
    expect(await refused(path, { image: 'data:image/png;base64,AAAA' })).toMatchObject({
      ...{ code: 'E_IMAGE_INVALID', param: 'image' },
    });
    const documents = [
      { id: 'a', content: 'AAAA', content_type: 'image/png' },
      { id: 'b', content: 'The sea is blue.', caption: 'a sea' },
    ];
    const added = await server.post(`/v1/collections/${NAME}/documents`, { documents });
    const { data } = await added.json<{ data: { error: { code: string; message: string } }[] }>();
    expect(data.map(({ error }) => error.code)).toEqual(['E_IMAGE_INVALID', 'E_REQUEST_INVALID']);
    expect(data[1]!.error.message).toContain('documents[1].caption');
    await server.post('/v1/collections', { name: 'words', model: MINILM_ID });
    const texts = await server.post('/v1/collections/words/documents', {
      documents: [
        { id: 'a', content: toBase64(files.get(rows[0]!.image)!), content_type: 'image/jpeg' },
      ],
    });
    expect(JSON.stringify(await texts.json())).toContain('embeds texts alone');
  });

  test('an export has the captions, as it has texts', async () => {
    const response = await fetch(`${server.url}/v1/subjects/me/export`);
    const text = await response.text();
    expect(text).toContain(rows[3]!.captions[0]);
    expect(text).toContain('"unit":"picture"');
  });
});

describe('classification', () => {
  const labels = ['an animal', 'a planet', 'a rocket', 'a meal'];
  interface Classified {
    readonly label: string;
    readonly model: string;
    readonly labels: readonly { readonly probability: number }[];
  }

  test('labels that nothing was trained for are told apart', async () => {
    const wanted = ['a planet', 'an animal', 'an animal', 'a rocket'];
    for (const [i, { image }] of rows.entries()) {
      const body = { image: url(image), labels };
      const response = await server.post('/v1/tasks/classify', body);
      expect(response.status).toBe(200);
      const answer = await response.json<Classified>();
      expect(answer.label, image).toBe(wanted[i]);
      expect(answer.model).toBe(MODEL);
      const sum = answer.labels.reduce((total, { probability }) => total + probability, 0);
      expect(sum).toBeCloseTo(1, 6);
    }
  });

  test('what a picture does not have is refused', async () => {
    const image = url(rows[0]!.image);
    const ask = (body: object, status = 400) => refused('/v1/tasks/classify', body, status);
    expect(await ask({ labels })).toMatchObject({ param: 'text' });
    expect(await ask({ image, text: 'sea', labels })).toMatchObject({ param: 'text' });
    expect(await ask({ image, labels, multi_label: true })).toMatchObject({ param: 'multi_label' });
    expect(await ask({ image, labels, instruction: 'x' })).toMatchObject({ param: 'instruction' });
    expect(await ask({ image, labels, model: MINILM_ID })).toMatchObject({ param: 'image' });
  });
});
