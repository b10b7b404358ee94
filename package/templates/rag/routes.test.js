import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestServer } from 'thimble/testing';

let server;
before(async () => (server = await startTestServer({ models: ['all-minilm-l6-v2'] })));
after(() => server?.close());

const post = (path, body) =>
  server.fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('it answers from the document that says it', async () => {
  const sea = { id: 'sea', text: 'The sea is deepest in the Mariana Trench.' };
  const bread = { id: 'bread', text: 'Bread rises because yeast makes gas.' };
  for (const document of [sea, bread])
    assert.equal((await post('/api/documents', document)).status, 200);
  const response = await post('/api/ask', { question: 'Where is the ocean deepest?' });
  assert.equal(response.status, 200);
  const { answer, sources } = await response.json();
  assert.equal(typeof answer, 'string');
  assert.equal(sources[0].document, 'sea');
});

test('it refuses what is not a question', async () => {
  assert.equal((await post('/api/ask', {})).status, 400);
});
