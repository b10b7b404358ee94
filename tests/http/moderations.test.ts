/** POST /v1/moderations and pictures at /v1/onnx: scores of another implementation, and refusals. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { shareTestServer } from '../support/http-server.ts';
import type { SharedServer } from '../support/http-server.ts';
import { findModelFile } from '../support/needs.ts';
import { dataUrl, formulaPng, rawPng } from '../support/pictures.ts';

interface Row {
  readonly width: number;
  readonly height: number;
  readonly k: number;
  readonly score: number;
}
interface Answer {
  readonly model?: string;
  readonly results?: {
    flagged: boolean;
    category_scores: Record<string, number>;
    category_applied_input_types: Record<string, readonly string[]>;
  }[];
  readonly labels?: { label: string; score: number }[];
  readonly error?: { code: string; param: string | null; message: string };
}

/** The JPEG in the middle is another encoder's: on photographs scores differ by 0.013 in the mean. */
const MAX_SCORE_OFF = 0.035;
const rows = JSON.parse(
  readFileSync(join(repoRoot, 'tests/golden/open-nsfw.json'), 'utf8'),
) as Row[];
const hasModel = findModelFile('open-nsfw') !== null;

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer(hasModel ? ['open-nsfw'] : []);
});
afterAll(() => server.close());

const part = (url: string) => ({ type: 'image_url', image_url: { url } });

async function moderate(input: unknown, more: object = {}): Promise<Answer & { status: number }> {
  const response = await server.post('/v1/moderations', { input, ...more });
  return { ...(await response.json<Answer>()), status: response.status };
}

describe('refused', () => {
  test.each([
    ['a text that is too long', 'a'.repeat(100_001), 'input', '100000'],
    [
      'texts that are too long together',
      ['a'.repeat(60_000), 'a'.repeat(60_000)],
      'input',
      'at most 100000 characters',
    ],
    ['no text', [], 'input', ''],
    [
      'an address',
      [part('https://example.org/a.png')],
      'input[0].image_url.url',
      'fetches no addresses',
    ],
    ['a file', [part('file:///etc/passwd')], 'input[0].image_url.url', 'fetches no addresses'],
    [
      'another type',
      [part('data:image/svg+xml;base64,PHN2Zz4=')],
      'input[0].image_url.url',
      'PNG or JPEG',
    ],
    ['no base64', [part('data:image/png;base64,!!')], 'input[0].image_url.url', 'base64'],
    ['too many pictures', Array(5).fill(part(dataUrl(formulaPng(2, 2, 1)))), 'input', ''],
  ])('%s', async (_title, input, param, message) => {
    const { status, error } = await moderate(input);
    expect([status, error?.param]).toEqual([400, param]);
    expect(error?.message).toContain(message);
  });
});

/** The categories that something judged; the others of OpenAI have the score 0. */
function judged(result: NonNullable<Answer['results']>[number] | undefined): string[] {
  const types = result?.category_applied_input_types ?? {};
  const names = Object.keys(types).filter((name) => types[name]!.length > 0);
  for (const name of Object.keys(types).filter((name) => !names.includes(name)))
    expect(result?.category_scores[name]).toBe(0);
  return names;
}

describe('texts', () => {
  const BAD = 'shut the fuck up you stupid bitch';
  const GOOD = 'The library opens at nine on Mondays.';

  test('one, several, and parts', async () => {
    const one = await moderate(BAD);
    expect(one).toMatchObject({
      status: 200,
      model: 'text-moderation-1',
      results: [
        {
          flagged: true,
          categories: { offensive: true },
          category_applied_input_types: { hate: ['text'], offensive: ['text'] },
        },
      ],
    });
    const several = await moderate([GOOD, BAD, '']);
    expect(several.results?.map(({ flagged }) => flagged)).toEqual([false, true, false]);
    expect(several.results?.[1]).toEqual(one.results?.[0]);
    const parts = await moderate([GOOD, BAD].map((text) => ({ type: 'text', text })));
    expect(parts.results).toHaveLength(1);
    expect(parts.results?.[0]?.category_scores['offensive']).toBe(
      one.results?.[0]?.category_scores['offensive'],
    );
  });

  test('the threshold decides, and a long text counts as its worst part', async () => {
    const strict = await moderate(GOOD, { threshold: 0 });
    expect(strict.results?.[0]?.flagged).toBe(true);
    const long = `${GOOD} `.repeat(500) + BAD + ` ${GOOD}`.repeat(500);
    expect((await moderate(long)).results?.[0]?.flagged).toBe(true);
    expect((await moderate(`${GOOD} `.repeat(1000))).results?.[0]?.flagged).toBe(false);
  });

  test.each([
    ['letters replaced', 'shut the fuuuuck up you stup1d b!tch'],
    ['letters that cannot be seen', 'shut the f\u200buck up you stu\u00adpid bi\u200dtch'],
    [
      'wide letters',
      '\uff53\uff48\uff55\uff54 the \uff46\uff55\uff43\uff4b up you stupid \uff42\uff49\uff54\uff43\uff48',
    ],
    ['entities', 'shut the &#102;uck up you stupid &#98;itch'],
  ])('%s', async (_title, text) => {
    expect((await moderate(text)).results?.[0]?.flagged).toBe(true);
  });

  test('another model is refused by name', async () => {
    const { status, error } = await moderate(GOOD, { model: 'omni' });
    expect([status, error?.code, error?.param]).toEqual([404, 'model_not_found', 'model']);
  });

  test("OpenAI's client", async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' });
    const { results } = await client.moderations.create({ input: [GOOD, BAD] });
    expect(results.map(({ flagged }) => flagged)).toEqual([false, true]);
  });
});

describe.skipIf(!hasModel)('pictures', () => {
  test('with a text: both are judged, in one result', async () => {
    const picture = part(dataUrl(formulaPng(64, 64, 1)));
    const text = { type: 'text', text: 'shut the fuck up you stupid bitch' };
    const answer = await moderate([picture, text]);
    expect(answer.results).toHaveLength(1);
    expect(judged(answer.results?.[0]).sort()).toEqual(['hate', 'offensive', 'sexual']);
    expect(answer.results?.[0]?.flagged).toBe(true);
  });

  test.each(rows)('$width x $height', async ({ width, height, k, score }) => {
    const { results } = await moderate([part(dataUrl(formulaPng(width, height, k)))]);
    expect(Math.abs((results?.[0]?.category_scores['sexual'] ?? 1) - score)).toBeLessThan(
      MAX_SCORE_OFF,
    );
    expect(results?.[0]?.flagged).toBe(false);
  });

  test('several count as their highest, and the threshold decides', async () => {
    const input = rows
      .slice(0, 2)
      .map(({ width, height, k }) => part(dataUrl(formulaPng(width, height, k))));
    const { results } = await moderate(input, { threshold: 0.02 });
    expect(results).toHaveLength(1);
    expect(results?.[0]?.flagged).toBe(true);
    expect(judged(results?.[0])).toEqual(['sexual']);
  });

  test("OpenAI's client", async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' });
    const url = dataUrl(formulaPng(224, 224, 1));
    const answer = await client.moderations.create({
      model: 'open-nsfw',
      input: [{ type: 'image_url', image_url: { url } }],
    });
    expect(answer.id).toMatch(/^modr-/);
    expect(answer.results[0]?.category_applied_input_types.sexual).toEqual(['image']);
  });

  test('labels at /v1/onnx', async () => {
    const image = dataUrl(formulaPng(224, 224, 1));
    const { labels } = await (
      await server.post('/v1/onnx/open-nsfw', { image, top_k: 1 })
    ).json<Answer>();
    expect(labels).toEqual([{ label: 'sfw', score: expect.closeTo(0.989, 2) as number }]);
  });

  test('a picture that is too large for its bytes', async () => {
    const url = dataUrl(rawPng(30_000, 30_000, 8, 2, new Uint8Array(100)));
    const { status, error } = await moderate([part(url)]);
    expect([status, error?.code, error?.param]).toEqual([
      400,
      'E_IMAGE_INVALID',
      'input[0].image_url.url',
    ]);
    expect(error?.message).toContain('30000 x 30000 pixels');
  });
});
