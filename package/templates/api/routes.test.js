import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestServer } from 'thimble/testing';

let server;
before(async () => (server = await startTestServer()));
after(() => server?.close());

const post = (path, body) =>
  server.fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('every label has a probability, and they sum to one', async () => {
  const response = await post('/api/sort', { text: 'Where is my parcel?' });
  assert.equal(response.status, 200);
  const kinds = await response.json();
  assert.deepEqual(Object.keys(kinds), ['question', 'complaint', 'praise']);
  const sum = Object.values(kinds).reduce((total, share) => total + share, 0);
  assert.ok(Math.abs(sum - 1) < 1e-6, String(sum));
});

test('it refuses what is not a text', async () => {
  assert.equal((await post('/api/sort', {})).status, 400);
});
