/**
 * Pictures in a chat, through HTTP to workerd: from sending a picture's file to the first token of an answer about it, and to
 * that of another question about the same picture. By an adapter with eyes, or in words for a model without.
 */
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { adapterModelId } from '../../../engine/manifest/adapters.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { modelsBucketName, obtainModel } from '../../dev/prepare.ts';
import { openAdapter } from '../../import/open/open-adapter.ts';
import { KeyClient } from '../../lib/key-client.ts';
import { pictureUrlOf } from '../../lib/picture-file.ts';
import { DEFAULT_IMAGE_ENCODER_ID } from '../../pull/catalogue.ts';
import { addAdapter, readBase } from '../../push/adapters.ts';
import { openLocalBucket } from '../../push/local-bucket.ts';
import { withBenchServer } from '../bench-server.ts';
import { formatSpread, spread, type Spread } from '../report/statistics.ts';
import { medianInterval } from './guards.ts';

const OCR_ID = 'pp-ocr-v4';
const ADAPTER_NAME = 'bench';
const QUESTIONS = ['Describe the picture.', 'What colour is most of it?'] as const;

export interface PicturesBenchOptions {
  /** Files, each another picture; the first one warms up. */
  readonly files: readonly string[];
  readonly model: string;
  /** Folder of an adapter with eyes; null for a model without, which reads words. */
  readonly adapter: string | null;
}

export interface PicturesBench {
  readonly model: string;
  readonly route: 'eyes' | 'words';
  readonly pictures: number;
  /** Milliseconds to the first token: of a new picture, and of another question about it. */
  readonly firstMs: Spread;
  readonly againMs: Spread;
  /** Again over first, of each picture: the median, and the interval that holds it with 95 %. */
  readonly ratio: { readonly median: number; readonly low: number; readonly high: number };
}

/** @throws {EngineError} E_USAGE for fewer than two files, and for files and adapters that cannot be read */
export async function benchPictures(
  { files, model, adapter }: PicturesBenchOptions,
  note: (text: string) => void,
): Promise<PicturesBench> {
  if (files.length < 2)
    throw new EngineError(
      'E_USAGE',
      `bench: ${files.length} pictures; expected at least 2, since the first one warms up. Name more files.`,
    );
  const urls = await Promise.all(files.map((file) => pictureUrlOf(file, 'bench')));
  const helpers =
    adapter === null ? [DEFAULT_IMAGE_ENCODER_ID, OCR_ID] : [DEFAULT_IMAGE_ENCODER_ID];
  for (const id of [model, ...helpers]) await obtainModel(id);
  const asked = adapter === null ? model : adapterModelId(model, ADAPTER_NAME);
  const prepare = async (persist: string) => {
    if (adapter !== null) await addEyes(model, adapter, persist);
    return { DEFAULT_MODEL: model, WATERMARK_KEY: '' };
  };
  return await withBenchServer({ models: [model, ...helpers], prepare }, async (bench) => {
    const client = new KeyClient(bench.server.url, '');
    const pairs: [first: number, again: number][] = [];
    for (const [i, url] of urls.entries()) {
      note(files[i]!);
      const first = await firstTokenMs(client, asked, url, QUESTIONS[0]);
      const again = await firstTokenMs(client, asked, url, QUESTIONS[1]);
      if (i > 0) pairs.push([first, again]);
    }
    return {
      ...{ model, route: adapter === null ? 'words' : 'eyes', pictures: pairs.length },
      firstMs: spread(pairs.map(([first]) => first)),
      againMs: spread(pairs.map(([, again]) => again)),
      ratio: medianInterval(pairs.map(([first, again]) => again / first)),
    };
  });
}

async function addEyes(model: string, folder: string, persist: string): Promise<void> {
  const bucket = await openLocalBucket(modelsBucketName(), persist);
  try {
    const base: DecoderManifest = await readBase(bucket, model);
    const opened = await openAdapter(folder, base);
    const about = { licence: '', source: 'bench' };
    await addAdapter(bucket, { base: model, name: ADAPTER_NAME }, opened, base, about);
  } finally {
    await bucket.close();
  }
}

async function firstTokenMs(
  client: KeyClient,
  model: string,
  url: string,
  text: string,
): Promise<number> {
  const content = [
    { type: 'image_url', image_url: { url } },
    { type: 'text', text },
  ];
  const body = { model, messages: [{ role: 'user', content }], max_tokens: 1, temperature: 0 };
  const startedAt = performance.now();
  const answer = await client.ask('/v1/chat/completions', body);
  if (answer.status !== 200)
    throw new EngineError('E_BACKEND_UNAVAILABLE', `bench: ${answer.status} ${answer.text}`);
  return performance.now() - startedAt;
}

export function describePictures(bench: PicturesBench): string {
  const { model, route, pictures, firstMs, againMs, ratio } = bench;
  const how = route === 'eyes' ? 'seen by the adapter' : 'put into words';
  return [
    `${model}: ${pictures} pictures, ${how}`,
    `  first token, new picture          ${formatSpread(firstMs, 0)} ms`,
    `  another question about it         ${formatSpread(againMs, 0)} ms`,
    `  of the first                      ${ratio.median.toFixed(3)} (${ratio.low.toFixed(3)} to ${ratio.high.toFixed(3)})`,
    '',
  ].join('\n');
}
