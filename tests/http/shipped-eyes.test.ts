/**
 * The eyes that are committed: their files are those of their record, small enough, as good as it says, and they answer OpenAI's
 * client in workerd as the README shows.
 * @module-tag slow
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isTrainedPrefix } from '../../engine/adapters/prefix.ts';
import { toBase64 } from '../../engine/base/base64.ts';
import { adapterHashes, readRecord } from '../../scripts/finetune/measure/record.ts';
import type { CaptionReport } from '../../scripts/finetune/pictures/evaluate.ts';
import type { QuestionReport } from '../../scripts/finetune/pictures/questions.ts';
import { openAdapter } from '../../scripts/import/open/open-adapter.ts';
import { hashFile } from '../../scripts/lib/hash-file.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { SMALL_MODEL_ID } from '../../scripts/pull/catalogue.ts';
import { addAdapter, readBase } from '../../scripts/push/adapters.ts';
import type { Bucket } from '../../scripts/push/bucket.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';

const FOLDER = join(repoRoot, 'assets/adapters/eyes');
const PICTURES = join(repoRoot, 'tests/golden/space');
const MAX_BYTES = 12_000_000;
const N_HELD_OUT = 375;
const MODEL = `${SMALL_MODEL_ID}:eyes`;
const QUESTION = 'What is in this picture?';

const { files, data, report } = await readRecord<{
  readonly captions: CaptionReport;
  readonly questions: QuestionReport;
}>(FOLDER);

test('hashes are those of the record, and all files together are small', async () => {
  expect(await adapterHashes(FOLDER)).toEqual(files);
  expect(data['captions: photographs.jsonl']).toBe(
    await hashFile(join(repoRoot, 'assets/captions/photographs.jsonl')),
  );
  const sizes = (await readdir(FOLDER)).map(async (name) => (await stat(join(FOLDER, name))).size);
  expect((await Promise.all(sizes)).reduce((a, b) => a + b)).toBeLessThan(MAX_BYTES);
});

test('captions of pictures held out are about them, and most questions about shapes are answered', () => {
  const { nPicture, scores } = report.captions;
  expect(nPicture).toBe(N_HELD_OUT);
  expect(scores.adapter.cider.low).toBeGreaterThan(scores.constant.cider.high);
  expect(scores.shuffled.cider.high).toBeLessThan(10);
  expect(report.questions.right.low).toBeGreaterThan(report.questions.words.high);
});

describe('in workerd', () => {
  let server: TestServer;
  let client: OpenAI;
  beforeAll(async () => {
    const prepare = async (bucket: Bucket): Promise<void> => {
      const base = await readBase(bucket, SMALL_MODEL_ID);
      const adapter = await openAdapter(FOLDER, base);
      if (isTrainedPrefix(adapter)) throw new Error('expected a low-rank adapter');
      const about = { licence: 'apache-2.0', source: 'test' };
      await addAdapter(bucket, { base: SMALL_MODEL_ID, name: 'eyes' }, adapter, base, about);
    };
    // own server: its model has the eyes that are committed.
    server = await startTestServer({ models: [SMALL_MODEL_ID, 'efficientnet-lite0'], prepare });
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' });
  });
  afterAll(() => server.close());

  async function ask(image: string | null, text: string, model = MODEL): Promise<string> {
    const url = async (name: string): Promise<string> =>
      `data:image/jpeg;base64,${toBase64(new Uint8Array(await readFile(join(PICTURES, name))))}`;
    const shown =
      image === null ? [] : [{ type: 'image_url', image_url: { url: await url(image) } } as const];
    const content = [...shown, { type: 'text', text } as const];
    const { choices } = await client.chat.completions.create({
      ...{ model, temperature: 0, max_tokens: 40, messages: [{ role: 'user', content }] },
    });
    return choices[0]!.message.content!;
  }

  test('photographs that it has not learned from are described as README.md and the card say', async () => {
    const readme = await readFile(join(repoRoot, 'README.md'), 'utf8');
    const card = await readFile(join(FOLDER, 'README.md'), 'utf8');
    for (const image of ['shuttle.jpg', 'fox.jpg']) {
      const said = await ask(image, QUESTION);
      expect(readme).toContain(`| ${said} `);
      expect(card).toContain(said);
    }
  });

  test('without a picture it answers as its base', async () => {
    const text = 'Name three fruits.';
    expect(await ask(null, text)).toBe(await ask(null, text, SMALL_MODEL_ID));
  });
});
