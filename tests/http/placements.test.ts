/** Records of places that contradict the model they place are refused by name, and nothing answers wrongly. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseManifest } from '../../engine/manifest/manifest.ts';
import type { Placement } from '../../engine/manifest/placement.ts';
import { addModel, emptyPlacement } from '../../engine/placement/changes.ts';
import type { PlacedManifest } from '../../engine/placement/needs.ts';
import { hashBytes } from '../../scripts/lib/hash-file.ts';
import { versionOf } from '../../scripts/push/place.ts';
import { manifestKey } from '../../worker/platform/model-keys.ts';
import { PLACEMENT_KEY } from '../../worker/platform/placement-file.ts';
import { startTestServer, STORIES_ID } from '../support/http-server.ts';
import type { TestServer } from '../support/http-server.ts';

let server: TestServer;
let good: Placement;
beforeAll(async () => {
  // own server: its record of places is damaged.
  server = await startTestServer();
  const text = await server.bucket.getText(manifestKey(STORIES_ID));
  const manifest = parseManifest(JSON.parse(text!)) as PlacedManifest;
  good = addModel(emptyPlacement(), manifest, versionOf(text!));
});
afterAll(() => server.close());

async function answer(record: string) {
  const bytes = new TextEncoder().encode(record);
  await server.bucket.put(PLACEMENT_KEY, bytes, hashBytes(bytes));
  await server.restart();
  const response = await server.post('/v1/completions', {
    ...{ model: STORIES_ID, prompt: 'Once', max_tokens: 2, temperature: 0 },
  });
  const body = await response.json<{ error?: { code: string; message: string } }>();
  return { status: response.status, code: body.error?.code, message: body.error?.message ?? '' };
}

const withPieces = (
  ...pieces: readonly (readonly [number, [number, number], [number, number]])[]
) =>
  JSON.stringify({
    ...good,
    models: good.models.map((model) => ({
      ...model,
      replicas: [
        { pieces: pieces.map(([isolate, layers, rows]) => ({ isolate, layers, rows, bytes: 1 })) },
      ],
    })),
  });

test.each([
  [
    'a hole',
    () => withPieces([0, [0, 2], [0, 512]], [1, [3, 5], [0, 0]]),
    /no piece holds layers 2 to 3/,
  ],
  [
    'an overlap',
    () => withPieces([0, [0, 3], [0, 512]], [1, [2, 5], [0, 0]]),
    /two pieces hold layers 2 to 3/,
  ],
  ['too few layers', () => withPieces([0, [0, 4], [0, 512]]), /layers end at 4; the model has 5/],
  [
    'an isolate that is not there',
    () => withPieces([9, [0, 5], [0, 512]]),
    /isolate 9; expected 0 to 7/,
  ],
  ['text that is not JSON', () => '{"formatVersion": 1', /not JSON/],
])('%s', async (_, record, message) => {
  const refused = await answer(record());
  expect(refused).toMatchObject({ status: 500, code: 'E_PLACEMENT_INVALID' });
  expect(refused.message).toMatch(message);
  expect(refused.message).toContain('thimble plan');
});

test('the record as it is planned answers', async () => {
  expect(await answer(JSON.stringify(good))).toMatchObject({ status: 200 });
});
