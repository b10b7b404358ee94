/** Answers of a deployment with a key, and what POST /v1/watermark/detect finds in texts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newWatermarkRecord, WATERMARK_RECORD_KEY } from '../../worker/platform/watermark-key.ts';
import { MAX_DETECT_CHARS } from '../../worker/apis/watermark/detect-watermark.ts';
import { hashBytes } from '../../scripts/lib/hash-file.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';

interface Detection {
  readonly watermarked: boolean;
  readonly p_value: number;
  readonly tokens: number;
  readonly tokens_scored: number;
}
interface Completion {
  readonly choices: readonly { readonly text: string }[];
}

const SAMPLED = { prompt: 'Once upon a time', max_tokens: 200, temperature: 1, seed: 4 };

async function completeText(server: TestServer, changes: object = {}): Promise<string[]> {
  const response = await server.post('/v1/completions', { ...SAMPLED, ...changes });
  expect(response.status).toBe(200);
  return (await response.json<Completion>()).choices.map(({ text }) => text);
}
async function detect(server: TestServer, text: string): Promise<Detection> {
  const response = await server.post('/v1/watermark/detect', { text });
  expect(response.status).toBe(200);
  return await response.json<Detection>();
}

// own server: variables, and a bucket with a key of its own
let byVariable: TestServer;
let byRecord: TestServer;
beforeAll(async () => {
  byVariable = await startTestServer({ vars: { WATERMARK_KEY: 'a secret of this test' } });
  byRecord = await startTestServer({
    prepare: async (bucket) => {
      const bytes = new TextEncoder().encode(newWatermarkRecord());
      await bucket.put(WATERMARK_RECORD_KEY, bytes, hashBytes(bytes));
    },
  });
});
afterAll(async () => {
  await byVariable.close();
  await byRecord.close();
});

describe('sampled answers', () => {
  it('are found by their own deployment alone', async () => {
    const [text] = await completeText(byVariable);
    expect(await detect(byVariable, text!)).toMatchObject({
      object: 'watermark.detection',
      watermarked: true,
      false_positive_rate: 0.01,
    });
    expect((await detect(byRecord, text!)).p_value).toBeGreaterThan(0.001);
    const [other] = await completeText(byRecord);
    expect((await detect(byRecord, other!)).watermarked).toBe(true);
  });

  it('are the same for the same seed, and differ between choices', async () => {
    const first = await completeText(byVariable, { n: 2, max_tokens: 60 });
    expect(await completeText(byVariable, { n: 2, max_tokens: 60 })).toEqual(first);
    expect(first[0]).not.toBe(first[1]);
  });

  it('carry it in a stream, too', async () => {
    const body = { ...SAMPLED, seed: 9, stream: true };
    const response = await byVariable.post('/v1/completions', body);
    expect(response.headers.get('x-thimble-generated')).toBe('true');
    const text = (await response.text())
      .split('\n')
      .filter((line) => line.startsWith('data: {'))
      .map((line) => (JSON.parse(line.slice(6)) as Completion).choices[0]?.text ?? '')
      .join('');
    expect((await detect(byVariable, text)).watermarked).toBe(true);
  });
});

it('leaves greedy answers alone', async () => {
  const greedy = { temperature: 0, max_tokens: 60 };
  expect(await completeText(byVariable, greedy)).toEqual(await completeText(byRecord, greedy));
});

describe('x-thimble-generated', () => {
  it.each([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 3 }],
    ['/v1/completions', { prompt: 'Hi', max_tokens: 3 }],
    ['/v1/responses', { input: 'Hi', max_output_tokens: 3 }],
    ['/v1/messages', { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 3 }],
    ['/v1/tasks/summarize', { text: 'The sea is blue.', max_tokens: 8 }],
  ])('is on answers of %s, whole and streamed', async (path, body) => {
    for (const stream of [false, true]) {
      const response = await byVariable.post(path, { ...body, stream });
      expect([response.status, response.headers.get('x-thimble-generated')]).toEqual([200, 'true']);
      await response.text();
    }
  });

  it('is on no error and no other answer', async () => {
    for (const [path, body] of [
      ['/v1/completions', { prompt: 3, max_tokens: 3 }],
      ['/tokenize', { text: 'Hi' }],
    ] as const)
      expect((await byVariable.post(path, body)).headers.has('x-thimble-generated')).toBe(false);
  });
});

describe('POST /v1/watermark/detect', () => {
  it('finds nothing in what people wrote, nor in a single word', async () => {
    const story =
      'One day, a little girl named Lily found a needle in her room. She wanted to share it.';
    expect((await detect(byVariable, story)).p_value).toBeGreaterThan(0.001);
    const short = await detect(byVariable, 'sea');
    expect(short).toMatchObject({ watermarked: false, p_value: 1, tokens_scored: 0 });
  });

  it.each([
    [{}, 'text'],
    [{ text: '' }, 'text'],
    [{ text: 'a'.repeat(MAX_DETECT_CHARS + 1) }, 'text'],
    [{ text: ['a'] }, 'text'],
    [{ text: 'a', model: 'nothing' }, 'model'],
  ])('refuses %o by name', async (body, param) => {
    const response = await byVariable.post('/v1/watermark/detect', body);
    expect([400, 404]).toContain(response.status);
    expect(await response.json()).toMatchObject({ error: { param } });
  });

  it('takes the longest text', async () => {
    const text = 'The sea is blue. '.repeat(4000).slice(0, MAX_DETECT_CHARS);
    expect((await detect(byVariable, text)).tokens_scored).toBeLessThan(30);
  });
});
