/**
 * Pictures at addresses: fetched from where the deployment allows it, bounded, and refused by name.
 * @module-tag slow
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { encode } from 'fast-png';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { closeServer, listen } from '../support/mcp-server.ts';
import { dataUrl } from '../support/pictures.ts';
import { goldenPicture, SIDE } from '../support/vision.ts';

const model = 'efficientnet-lite0';
const png = encode({ width: SIDE, height: SIDE, data: goldenPicture(), channels: 3 });
const MAX_BYTES = 8 * 1024 * 1024;

/** What a path answers; `elsewhere` is the origin of a server that is not on the list. */
const PATHS: Readonly<Record<string, (response: ServerResponse, elsewhere: string) => unknown>> = {
  '/photos/a.png': (response) => picture(response).end(png),
  '/photos/moved.png': (response) => redirect(response, 'a.png'),
  '/photos/bytes': (response) => picture(response, 'application/octet-stream').end(png),
  '/photos/circle.png': (response) => redirect(response, '/photos/circle.png'),
  '/photos/away.png': (response, elsewhere) => redirect(response, `${elsewhere}/photos/a.png`),
  '/photos/inside.png': (response) => redirect(response, 'http://169.254.169.254/latest/meta-data'),
  '/photos/up.png': (response) => redirect(response, '/secret.png'),
  '/photos/none.png': (response) => response.writeHead(404).end('no'),
  '/photos/page.png': (response) => picture(response, 'text/html').end('<p>Log in</p>'),
  '/photos/empty.png': (response) => picture(response).end(),
  '/photos/not.png': (response) => picture(response).end('not a picture'),
  '/photos/told.png': (response) =>
    response
      .writeHead(200, { 'content-type': 'image/png', 'content-length': 2 ** 30 })
      .flushHeaders(),
  '/photos/endless.png': (response) => pour(picture(response)),
  '/photos/silent.png': (response) => picture(response).flushHeaders(),
  '/photos/broken.png': (response) => {
    picture(response).write(png.slice(0, 100));
    setImmediate(() => response.destroy());
  },
  '/secret.png': (response) => picture(response).end(png),
};

const picture = (response: ServerResponse, type = 'image/png'): ServerResponse =>
  response.writeHead(200, { 'content-type': type });

const redirect = (response: ServerResponse, location: string): unknown =>
  response.writeHead(302, { location }).end();

/** Bytes without end, as fast as they are taken. */
function pour(response: ServerResponse): void {
  const more = (): void => {
    while (!response.destroyed && response.write(new Uint8Array(65_536)));
  };
  response.on('drain', more);
  more();
}

const asked: string[] = [];
let http: Server;
let other: Server;
let origin: string;
let server: TestServer;

beforeAll(async () => {
  let elsewhere = '';
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    asked.push(`${request.headers.host} ${request.url}`);
    const found = PATHS[request.url ?? ''];
    if (found === undefined) response.writeHead(404).end();
    else found(response, elsewhere);
  };
  [http, other] = [createServer(answer), createServer(answer)];
  [origin, elsewhere] = [await listen(http), await listen(other)];
  // own server: it fetches pictures.
  server = await startTestServer({
    models: [model],
    vars: { IMAGE_SERVERS: `${origin}/photos`, IMAGE_TIMEOUT_S: '2' },
  });
});
afterAll(async () => {
  await server.close();
  await closeServer(http);
  await closeServer(other);
});

interface Answer {
  readonly labels?: readonly object[];
  readonly error?: { readonly message: string; readonly param: string };
}

async function look(image: string): Promise<Answer & { readonly status: number }> {
  const response = await server.post('/v1/images/labels', { image });
  return { status: response.status, ...(await response.json<Answer>()) };
}

test.each(['a.png', 'moved.png', 'bytes'])('%s is what the picture itself is', async (name) => {
  const [fetched, sent] = [await look(`${origin}/photos/${name}`), await look(dataUrl(png))];
  expect(fetched.status).toBe(200);
  expect(fetched.labels).toEqual(sent.labels);
});

test.each<[string, RegExp]>([
  ['photos/circle.png', /redirects more than 3 times/],
  ['photos/away.png', /redirects to an address that is not in IMAGE_SERVERS/],
  ['photos/inside.png', /redirects to an address that is not in IMAGE_SERVERS/],
  ['photos/up.png', /redirects to an address that is not in IMAGE_SERVERS/],
  ['photos/none.png', /status 404/],
  ['photos/page.png', /type "text\/html", not a picture/],
  ['photos/empty.png', /is empty/],
  ['photos/not.png', /PNG or JPEG/],
  ['photos/told.png', /has 1073741824 bytes or more/],
  ['photos/endless.png', new RegExp(`at most ${MAX_BYTES}`)],
  ['photos/silent.png', /was not there within 2 s/],
  ['photos/broken.png', /could not be reached/],
  ['secret.png', /setting IMAGE_SERVERS/],
  ['photos/../secret.png', /setting IMAGE_SERVERS/],
])('%s is refused by name', async (path, message) => {
  const { status, error } = await look(`${origin}/${path}`);
  expect([status, error?.param]).toEqual([400, 'image']);
  expect(error?.message).toMatch(message);
});

test('addresses that are not on the list are not asked', async () => {
  asked.length = 0;
  for (const url of [
    ...['http://169.254.169.254/latest/meta-data', 'http://[::ffff:7f00:1]/a.png'],
    ...['https://example.com/a.png', `${origin.replace('//', '//user:pass@')}/photos/a.png`],
    ...[`${origin}/photosx/a.png`, 'file:///etc/passwd'],
  ])
    expect((await look(url)).status, url).toBe(400);
  expect(asked).toEqual([]);
});

test('a chat takes them, too, and says what is wrong by the part', async () => {
  const content = [
    { type: 'text', text: 'What is this?' },
    { type: 'image_url', image_url: { url: `${origin}/photos/none.png` } },
  ];
  const messages = [{ role: 'user', content }];
  const response = await server.post('/v1/chat/completions', { messages, max_tokens: 1 });
  const { error } = await response.json<Answer>();
  expect([response.status, error?.param]).toEqual([400, 'messages[0].content[1].image_url.url']);
  expect(error?.message).toContain('status 404');
});
