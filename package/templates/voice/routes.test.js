import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestServer } from 'thimble/testing';

let server;
before(async () => (server = await startTestServer({ models: ['pico-en-us'] })));
after(() => server?.close());

const post = (path, body) =>
  server.fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('it speaks', async () => {
  const response = await post('/api/say', { text: 'Good morning.' });
  assert.equal(response.status, 200);
  const sound = Buffer.from(await response.arrayBuffer());
  assert.equal(sound.subarray(0, 4).toString(), 'RIFF');
  // A second of it has 32,000 bytes.
  assert.ok(sound.length > 20_000, String(sound.length));
});

test('it refuses what is not a text', async () => {
  assert.equal((await post('/api/say', {})).status, 400);
});
