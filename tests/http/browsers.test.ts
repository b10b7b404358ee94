/** What pages of others can and cannot do: hosts, origins, types of bodies, headers of answers. */
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ENDPOINTS } from '../../worker/gateway/endpoints.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { bearer, makeKey } from '../support/keys.ts';

const FRIEND = 'https://app.example.org';
const STRANGER = 'https://evil.example';

let local: TestServer;
let deployed: TestServer;
let key: string;

beforeAll(async () => {
  // own server: these allow one origin only.
  local = await startTestServer({ vars: { ALLOWED_ORIGINS: FRIEND, ALLOWED_HOSTS: 'box.lan' } });
  // own server: it asks for keys.
  deployed = await startTestServer({ vars: { ACCESS: 'keys', ALLOWED_ORIGINS: FRIEND } });
  ({ key } = await makeKey(deployed));
});
afterAll(async () => {
  await local.close();
  await deployed.close();
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** Node's fetch sets Host and Origin itself; this sends what it is told. */
function send(
  url: string,
  headers: Readonly<Record<string, string>>,
  { method = 'GET', body = '' } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    sent.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: 101, headers: response.headers, text: '' });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const portOf = ({ url }: TestServer) => new URL(url).port;

test('a local server answers to loopback names and those it was given', async () => {
  const port = portOf(local);
  const status = async (host: string) => (await send(`${local.url}/v1/models`, { host })).status;
  for (const host of ['localhost', '127.0.0.1', '127.0.0.2', '[::1]', 'a.localhost', 'box.lan'])
    for (const name of [host, `${host}:${port}`, host.toUpperCase()])
      expect([name, await status(name)]).toEqual([name, 200]);
  for (const host of [
    ...['evil.example', `evil.example:${port}`, 'localhost.evil.example', '10.0.0.1'],
    ...['127.0.0.1.evil.example', 'evillocalhost', '169.254.169.254', 'user@localhost', '[::2]'],
  ])
    expect([host, await status(host)]).toEqual([host, 403]);
});

test('no route of a local server answers a foreign name or page, nor does a socket', async () => {
  for (const { method, path } of ENDPOINTS) {
    const url = local.url + path.replaceAll(/:\w+/g, 'abc');
    for (const headers of [
      { host: 'evil.example' },
      { origin: STRANGER },
      { origin: 'null' },
      { origin: 'http://localhost:1' },
      { origin: `https://${FRIEND}` },
      { origin: `${FRIEND}.evil.example` },
    ] as Record<string, string>[]) {
      const { status, text } = await send(url, headers, { method });
      expect([path, headers, status]).toEqual([path, headers, 403]);
      expect(text).toContain('insufficient_permissions');
    }
  }
  const upgrade = {
    ...{ connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  };
  for (const path of ['/v1/ws', '/v1/realtime/transcribe']) {
    const url = local.url + path;
    expect((await send(url, { ...upgrade, origin: STRANGER })).status).toBe(403);
    expect((await send(url, { ...upgrade, host: 'evil.example' })).status).toBe(403);
  }
  expect((await send(`${local.url}/v1/ws`, { ...upgrade, origin: FRIEND })).status).toBe(101);
  expect((await send(`${local.url}/v1/ws`, { ...upgrade, origin: local.url })).status).toBe(101);
});

test("the server's own page and allowed origins may ask, and read the answer", async () => {
  expect((await send(`${local.url}/v1/models`, { origin: local.url })).status).toBe(200);
  for (const [server, headers] of [
    [local, {}],
    [deployed, bearer(key)],
  ] as const) {
    const url = `${server.url}/v1/models`;
    const allowed = await send(url, { ...headers, origin: FRIEND });
    expect(allowed.status).toBe(200);
    expect(allowed.headers['access-control-allow-origin']).toBe(FRIEND);
    expect(allowed.headers['access-control-expose-headers']).toContain('x-ratelimit-reset-tokens');
    expect(allowed.headers['vary']).toBe('Origin');
    const foreign = await send(url, { ...headers, origin: STRANGER });
    expect(foreign.status).toBe(403);
    expect(foreign.headers['access-control-allow-origin']).toBeUndefined();
    const asked = { 'access-control-request-method': 'POST' };
    const preflight = (origin: string) => send(url, { ...asked, origin }, { method: 'OPTIONS' });
    expect((await preflight(FRIEND)).status).toBe(204);
    expect((await preflight(STRANGER)).status).toBe(403);
  }
});

test('a body that a page may send without asking is refused on every route that takes JSON', async () => {
  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
  ];
  for (const { method, path, body } of ENDPOINTS) {
    if (body === undefined) continue;
    const url = local.url + path.replaceAll(/:\w+/g, 'abc');
    for (const type of [...types, '', 'text/plain; application/json']) {
      // Node frames no body of a DELETE by itself.
      const length = { 'content-length': '2' };
      const headers = type === '' ? length : { ...length, 'content-type': type };
      const answer = await send(url, headers, { method, body: '{}' });
      expect([path, type, answer.status]).toEqual([path, type, 400]);
      expect(answer.text).toContain('content-type');
    }
  }
  const json = { 'content-type': 'application/json; charset=utf-8' };
  const completion = JSON.stringify({ prompt: 'a', max_tokens: 1 });
  const options = { method: 'POST', body: completion };
  expect((await send(`${local.url}/v1/completions`, json, options)).status).toBe(200);
});

test('every answer has its id and says what browsers must not do with it', async () => {
  const tries: [string, Record<string, string>, string][] = [
    ['/', { accept: 'text/html' }, 'GET'],
    ['/healthz', {}, 'GET'],
    ['/v1/models', {}, 'GET'],
    ['/v1/models', {}, 'PUT'],
    ['/v1/none', {}, 'GET'],
    ['/v1/models', { origin: STRANGER }, 'GET'],
    ['/v1/sessions/none', {}, 'GET'],
    ['/v1/messages', {}, 'POST'],
  ];
  for (const server of [local, deployed])
    for (const [path, headers, method] of tries) {
      const answer = await send(server.url + path, headers, { method });
      expect(answer.headers['x-request-id']).toMatch(/^req_[0-9a-f]{32}$/);
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
      expect(answer.headers['referrer-policy']).toBe('no-referrer');
      expect(answer.headers['content-security-policy']).toMatch(
        /^default-src 'none';.*frame-ancestors 'none'/,
      );
    }
});

test("a request's id is its own, whatever the client calls it", async () => {
  const { headers } = await send(`${local.url}/healthz`, { 'x-request-id': 'mine' });
  expect(headers['x-request-id']).toMatch(/^req_[0-9a-f]{32}$/);
});

test('headers and addresses that the local runtime keeps for itself are nothing special', async () => {
  for (const name of [
    ...['mf-route-override', 'mf-original-url', 'mf-cf-blob', 'mf-proxy-shared-secret'],
    ...['mf-custom-fetch-service', 'mf-op', 'mf-op-secret', 'mf-disable-pretty-error'],
  ])
    for (const value of ['thimble-stage', 'http://localhost/v1/models', '{bad']) {
      const answer = await send(`${deployed.url}/healthz`, { [name]: value });
      expect([name, answer.text]).toEqual([name, '{"status":"ok"}']);
      expect((await send(`${deployed.url}/v1/models`, { [name]: value })).status).toBe(401);
    }
  const index = 'access/index.json';
  expect(await deployed.bucket.getText(index)).not.toBeNull();
  for (const path of [
    `/cdn-cgi/local/r2/public/thimble-models/${index}`,
    ...['/cdn-cgi/local/platform-proxy', '/cdn-cgi/local/scheduled', '/cdn-cgi/local/explorer/'],
  ]) {
    const answer = await send(deployed.url + path, {});
    expect([path, answer.status]).toEqual([path, 404]);
    expect(answer.text).toContain('E_NOT_FOUND');
  }
});
