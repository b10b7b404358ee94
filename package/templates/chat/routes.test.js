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

test('it replies, and keeps the conversation', async () => {
  const response = await post('/api/reply', { message: 'Once upon a time', session: 'tales' });
  assert.equal(response.status, 200);
  const { reply } = await response.json();
  assert.ok(reply.length > 0);
  const { messages } = await (await server.fetch('/v1/sessions/tales')).json();
  assert.deepEqual(
    messages.map(({ role, content }) => [role, content]),
    [
      ['user', 'Once upon a time'],
      ['assistant', reply],
    ],
  );
});

test('it refuses what is not a message', async () => {
  assert.equal((await post('/api/reply', { message: 1 })).status, 400);
});

test('the API of OpenAI is at /v1', async () => {
  const { data } = await (await server.fetch('/v1/models')).json();
  assert.equal(data[0].id, 'stories260k');
});
