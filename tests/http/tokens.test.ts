/** Callers with a JSON Web Token of an issuer whose public keys are at an address. */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { base64url, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { STORIES_ID, startTestServer, type TestServer } from '../support/http-server.ts';
import { askWith } from '../support/keys.ts';

const ISSUER = 'https://issuer.example';
const AUDIENCE = 'thimble';
const KEY_ID = 'one';

let server: TestServer;
let issuer: Server;
let signingKey: CryptoKey;
let foreignKey: CryptoKey;
let publicJwk: object;

beforeAll(async () => {
  const own = await generateKeyPair('ES256');
  signingKey = own.privateKey;
  foreignKey = (await generateKeyPair('ES256')).privateKey;
  publicJwk = { ...(await exportJWK(own.publicKey)), kid: KEY_ID, alg: 'ES256' };
  issuer = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys: [publicJwk] }));
  });
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  const { port } = issuer.address() as AddressInfo;
  // own server: it takes tokens of the issuer.
  server = await startTestServer({
    vars: {
      ACCESS: 'keys',
      JWT_JWKS_URL: `http://127.0.0.1:${port}/keys`,
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: AUDIENCE,
    },
  });
});
afterAll(async () => {
  await server.close();
  issuer.closeAllConnections();
  issuer.close();
});

const CLAIMS = { sub: 'ada', scope: 'openid chat read', iss: ISSUER, aud: AUDIENCE };
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

function sign(
  claims: Readonly<Record<string, unknown>> = {},
  signer = signingKey,
  alg = 'ES256',
): Promise<string> {
  return new SignJWT({ ...CLAIMS, exp: inSeconds(600), ...claims })
    .setProtectedHeader({ alg, kid: KEY_ID })
    .sign(signer);
}

const statusWith = async (token: string, path = '/v1/models'): Promise<number> => {
  const response = await askWith(server, token)(path);
  await response.text();
  return response.status;
};

test('a token of the issuer lets in, by its scopes', async () => {
  const token = await sign();
  expect(await statusWith(token)).toBe(200);
  expect(await statusWith(token, '/v1/collections')).toBe(403);
  expect(await statusWith(await sign({ scope: 'openid' }))).toBe(403);
  const response = await askWith(server, token)('/v1/completions', { prompt: 'a', max_tokens: 1 });
  expect(response.headers.get('x-ratelimit-limit-requests')).not.toBeNull();
});

test('a token that is over, of another, for another, or not signed is refused', async () => {
  const [head = '', , signature = ''] = (await sign()).split('.');
  const encode = (value: object) => base64url.encode(JSON.stringify(value));
  const claims = { ...CLAIMS, exp: inSeconds(600) };
  const tokens = {
    over: await sign({ exp: inSeconds(-120) }),
    early: await sign({ nbf: inSeconds(600) }),
    endless: await sign({ exp: undefined }),
    nobody: await sign({ sub: undefined }),
    issuer: await sign({ iss: 'https://other.example' }),
    audience: await sign({ aud: 'other' }),
    signer: await sign({}, foreignKey),
    unsigned: `${encode({ alg: 'none' })}.${encode(claims)}.x`,
    secret: await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', kid: KEY_ID })
      .sign(new TextEncoder().encode(JSON.stringify(publicJwk))),
    changed: `${head}.${encode({ ...claims, sub: 'eve' })}.${signature}`,
    models: await sign({ thimble_models: 'all' }),
  };
  for (const [what, token] of Object.entries(tokens))
    expect([what, await statusWith(token)]).toEqual([what, 401]);
});

test('what is kept belongs to issuer and subject; models may be bounded', async () => {
  const ask = async (sub: string) => askWith(server, await sign({ sub }));
  const body = { messages: [{ role: 'user', content: 'a' }], max_tokens: 1, session: 'mine' };
  expect((await (await ask('ada'))('/v1/chat/completions', body)).status).toBe(200);
  expect((await (await ask('ada'))('/v1/sessions/mine')).status).toBe(200);
  expect((await (await ask('grace'))('/v1/sessions/mine')).status).toBe(404);
  const none = await sign({ thimble_models: ['nothing'] });
  expect(await statusWith(none, `/v1/models/${STORIES_ID}`)).toBe(404);
  // Longer than the name of an object may be, and cut in half a character.
  const long = `ada${'\u{1F600}'.repeat(300)}`.slice(0, -1);
  expect(await statusWith(await sign({ sub: long }))).toBe(200);
});
