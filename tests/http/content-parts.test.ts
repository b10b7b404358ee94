/** Pictures and sound in messages: they parse, and a model without an input for them refuses them by name. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer();
});
afterAll(() => server.close());

const PNG = 'data:image/png;base64,iVBORw0KGgo=';
const text = { type: 'text', text: 'What is this?' };
const image = { type: 'image_url', image_url: { url: PNG, detail: 'low' } };
const audio = { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } };
const say = (...content: object[]) => [{ role: 'user', content }];

/** [what, path, body, field] */
test.each<[string, string, object, string]>([
  [
    'chat, an image',
    '/v1/chat/completions',
    { messages: say(text, image) },
    'messages[0].content[1].type',
  ],
  [
    'chat, a sound',
    '/v1/chat/completions',
    { messages: say(audio) },
    'messages[0].content[0].type',
  ],
  [
    'a session',
    '/v1/chat/completions',
    { messages: [...say(text), ...say(text, image)], session: 'pictures' },
    'messages[1].content[1].type',
  ],
  [
    'responses, an image after text',
    '/v1/responses',
    {
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'What?' },
            { type: 'input_image', image_url: PNG },
          ],
        },
      ],
    },
    'input[0].content[1].type',
  ],
  [
    'responses, not stored, a sound',
    '/v1/responses',
    {
      ...{
        input: [
          { role: 'user', content: [{ type: 'input_audio', input_audio: audio.input_audio }] },
        ],
      },
      store: false,
    },
    'input[0].content[0].type',
  ],
  [
    'messages',
    '/v1/messages',
    {
      max_tokens: 4,
      messages: say(text, {
        type: 'image',
        source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' },
      }),
    },
    'messages[0].content[1].type',
  ],
  [
    'tokens of messages',
    '/v1/messages/count_tokens',
    { messages: say({ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }) },
    'messages[0].content[0].type',
  ],
  [
    'a rendered template',
    '/apply-template',
    { messages: say(text, image) },
    'messages[0].content[1].type',
  ],
])('refused: %s', async (_what, path, body, param) => {
  const response = await server.post(path, body);
  const { error } = await response.json<{
    error: { code: string; param: string; message: string };
  }>();
  expect([response.status, error.code, error.param], error.message).toEqual([
    ...[400, 'E_REQUEST_INVALID', param],
  ]);
  expect(error.message).toContain(`not supported yet by ${STORIES_ID}`);
});

test('a session that refused a picture kept nothing of the turn', async () => {
  expect((await fetch(`${server.url}/v1/sessions/pictures`)).status).toBe(404);
});

test('texts in parts are what the text is whole', async () => {
  const ask = async (messages: object) => {
    const response = await server.post('/v1/chat/completions', {
      ...{ messages, max_tokens: 8, temperature: 0 },
    });
    return (await response.json<{ choices: { message: { content: string } }[] }>()).choices[0];
  };
  const whole = await ask([{ role: 'user', content: 'Once upon a time' }]);
  const parts = say({ type: 'text', text: 'Once upon' }, { type: 'text', text: ' a time' });
  expect(await ask(parts)).toEqual(whole);
});

test.each([
  ['an image without its address', { type: 'image_url', image_url: {} }, 'image_url.url'],
  [
    'a sound without its format',
    { type: 'input_audio', input_audio: { data: '' } },
    'input_audio.format',
  ],
])('%s is refused for what it lacks', async (_what, part, field) => {
  const response = await server.post('/v1/chat/completions', { messages: say(part) });
  const { error } = await response.json<{ error: { param: string } }>();
  expect([response.status, error.param]).toEqual([400, `messages[0].content[0].${field}`]);
});
