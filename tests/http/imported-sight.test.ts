/** Imported models that see, over HTTP: a picture through their tower, at the place where it stands in the conversation. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toBase64 } from '../../engine/base/base64.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import { importModel } from '../../scripts/import/import-model.ts';
import { readTokenizer } from '../../scripts/node-host/model-files.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { pngOf, SEEING, seededPicture, writeSeeing } from '../support/tiny-seeing.ts';
import type { SeeingName } from '../support/tiny-seeing.ts';

interface Row {
  readonly width: number;
  readonly height: number;
  readonly ids: readonly number[];
  readonly likeliest: readonly number[];
}
const text = await readFile(join(import.meta.dirname, '../golden/seeing.json'), 'utf8');
const golden = JSON.parse(text) as {
  readonly ask: string;
  readonly models: Readonly<Record<SeeingName, readonly Row[]>>;
};
const NAMES = ['idefics3', 'llava'] as const satisfies readonly SeeingName[];

let root = '';
let server: TestServer;
let openai: OpenAI;
const tokenizers = new Map<string, Tokenizer>();
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-sight-http-'));
  const outRoot = join(root, 'models');
  for (const id of NAMES) {
    const input = await writeSeeing(join(root, id), SEEING[id]());
    const { folder, manifest } = await importModel({ input, id, outRoot, preset: 'lossless' });
    tokenizers.set(id, await readTokenizer(folder, requireKind(manifest, 'decoder')));
  }
  const lost = await writeSeeing(join(root, 'lost'), SEEING.idefics3());
  await importModel({ input: lost, id: 'lost', outRoot, preset: 'lossless' });
  const ids = [...NAMES.flatMap((id) => [`${id}-tower`, id]), 'lost'];
  // own server: it has models of its own.
  server = await startTestServer({ imported: { modelsRoot: outRoot, ids } });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true, force: true });
});

const image = (width: number, height: number) => ({
  type: 'image_url' as const,
  image_url: { url: `data:image/png;base64,${toBase64(pngOf(seededPicture(width, height)))}` },
});
const words = (said: string) => ({ type: 'text' as const, text: said });

async function ask(model: string, ...content: OpenAI.ChatCompletionContentPart[]) {
  return await openai.chat.completions.create({
    ...{ model, temperature: 0, max_tokens: 4, logprobs: true },
    messages: [{ role: 'user', content }],
  });
}

describe.each(NAMES)('%s', (model) => {
  test.each(golden.models[model])(
    'a picture of $width x $height: as many positions as transformers has, and its likeliest token',
    async ({ width, height, ids, likeliest }) => {
      const answer = await ask(model, image(width, height), words(golden.ask));
      expect(answer.usage?.prompt_tokens).toBe(ids.length);
      expect(answer).not.toHaveProperty('images');
      const first = answer.choices[0]?.logprobs?.content?.[0];
      const id = likeliest.at(-1)!;
      expect(first?.bytes).toEqual([...tokenizers.get(model)!.tokenBytes(id)]);
    },
  );

  test('again is evaluated no more, and another picture is not mistaken for it', async () => {
    const first = await ask(model, image(31, 30), words(golden.ask));
    const again = await ask(model, image(31, 30), words(golden.ask));
    expect(again.choices[0]?.message.content).toBe(first.choices[0]?.message.content);
    const { usage } = again;
    expect(usage?.prompt_tokens_details?.cached_tokens).toBe(usage!.prompt_tokens - 1);
    const question = await ask(model, image(31, 30), words('Who?'));
    const asked = question.usage?.prompt_tokens_details?.cached_tokens ?? 0;
    expect(asked).toBeGreaterThan(question.usage!.prompt_tokens / 2);
    const other = await ask(model, image(30, 31), words(golden.ask));
    const cached = other.usage?.prompt_tokens_details?.cached_tokens ?? 0;
    expect(cached).toBeLessThan(15);
  });

  test('a picture of low detail is one square, and is counted so; another detail is refused', async () => {
    const { url } = image(45, 31).image_url;
    const shown = (detail: 'low' | 'high' | 'auto') => ({
      ...{ type: 'image_url' as const, image_url: { url, detail } },
    });
    const count = async (detail: 'low' | 'high' | 'auto') =>
      (await ask(model, shown(detail), words(golden.ask))).usage!.prompt_tokens;
    const [low, high] = [await count('low'), await count('high')];
    expect(await count('auto')).toBe(high);
    expect(low < high).toBe(model === 'idefics3');
    const content = [
      { type: 'input_image', image_url: url, detail: 'low' },
      { type: 'input_text', text: golden.ask },
    ];
    const input = [{ role: 'user', content }];
    const counted = await server.post('/v1/responses/input_tokens', { model, input });
    expect((await counted.json<{ input_tokens: number }>()).input_tokens).toBe(low);
    await expect(ask(model, shown('huge' as 'low'), words(golden.ask))).rejects.toMatchObject({
      status: 400,
      param: 'messages[0].content[0].image_url.detail',
    });
  });

  test('texts alone need no tower, and names of its tokens in them are text', async () => {
    const plain = await ask(model, words('Hello'));
    const sly = await ask(model, words('Hello<image>'));
    expect(sly.usage!.prompt_tokens - plain.usage!.prompt_tokens).toBe('<image>'.length);
  });

  test('the list of models says that it sees, and has its tower', async () => {
    const response = await fetch(`${server.url}/v1/models`);
    const { data } = await response.json<{
      data: { id: string; thimble: { kind: string; modalities: { input: string[] } } }[];
    }>();
    const named = (id: string) => data.find((one) => one.id === id)?.thimble;
    expect(named(model)?.modalities.input).toEqual(['text', 'image']);
    expect(named(`${model}-tower`)).toMatchObject({ kind: 'tower' });
  });
});

describe('what cannot be', () => {
  interface Refusal {
    readonly error: { message: string; param: string; code: string | null };
  }
  const refused = async (model: string, content: readonly object[]) => {
    const messages = [{ role: 'user', content }];
    const response = await server.post('/v1/chat/completions', { model, max_tokens: 4, messages });
    return [response.status, (await response.json<Refusal>()).error] as const;
  };

  test('a tower that is not there is named, with the command that pushes it', async () => {
    const [status, error] = await refused('lost', [image(16, 16)]);
    expect(status).toBe(404);
    expect(error.message).toMatch(/sees through lost-tower, .*thimble push lost-tower/);
  });

  test('more tiles than the context has room for are refused by the part, before they are computed', async () => {
    const many = Array.from({ length: 8 }, () => image(45, 31));
    const [status, error] = await refused('idefics3', many);
    expect(status).toBe(400);
    expect(error.param).toBe('messages[0].content[6].image_url.url');
    expect(error.message).toMatch(/a picture of 5 squares takes 3\d tokens.*256 tokens/);
  });

  test('a picture that cannot be read is refused by its part', async () => {
    const broken = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
    const [status, error] = await refused('llava', [words('a'), broken]);
    expect(status).toBe(400);
    expect(error.param).toBe('messages[0].content[1].image_url.url');
  });

  test('a tower answers nothing by itself', async () => {
    const [status] = await refused('llava-tower', [words('Hello')]);
    expect(status).toBe(400);
  });
});
