/** A request to a running thimble server, and its errors as ours. */
import process from 'node:process';
import { EngineError, ERROR_ROWS } from '../../engine/base/errors.ts';
import type { ErrorCode } from '../../engine/base/errors.ts';
import { interruptSignal } from './interrupt.ts';

/** The key for servers that ask for one; not an option, since other users of a machine see those. */
const KEY_VARIABLE = 'THIMBLE_API_KEY';

/** Where `thimble dev` listens. */
export const DEFAULT_SERVER_URL = 'http://localhost:8787';

export type ServerAnswer = Readonly<Record<string, unknown>>;

/** @throws {EngineError} E_USAGE */
export function serverAddress(server: string, path: string, what: string): URL {
  const url = URL.parse(path, server);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new EngineError(
    'E_USAGE',
    `${what}: --url; expected an address such as ${DEFAULT_SERVER_URL}, got ${server}.`,
  );
}

/**
 * POSTs a body or a form, or GETs without one, unless `method` says otherwise.
 * @throws {EngineError} what the server answers; E_BACKEND_UNAVAILABLE when it does not
 */
export async function askServer(
  url: URL,
  body?: object,
  method = body === undefined ? 'GET' : 'POST',
): Promise<ServerAnswer> {
  return await jsonOf(url, await reachServer(url, method, body));
}

/**
 * The body of an answer as it arrives.
 * @throws {EngineError} as askServer
 */
export async function streamServer(url: URL): Promise<AsyncIterable<Uint8Array>> {
  const { body } = await reachServer(url, 'GET');
  if (body === null) throw unavailable(url, 'answers without a body');
  return body;
}

async function reachServer(url: URL, method: string, body?: object): Promise<Response> {
  const key = process.env[KEY_VARIABLE];
  const headers = {
    ...(key === undefined ? {} : { 'x-api-key': key }),
    ...(body === undefined || body instanceof FormData
      ? {}
      : { 'content-type': 'application/json' }),
  };
  const content =
    body === undefined ? {} : { body: body instanceof FormData ? body : JSON.stringify(body) };
  const init = { method, headers, ...content, signal: interruptSignal };
  const response = await fetch(url, init).catch((cause: unknown) => {
    throw unavailable(url, 'does not answer', cause);
  });
  if (response.ok) return response;
  const answer = await jsonOf(url, response);
  const { code, thimble_code, message } = (answer['error'] ?? {}) as {
    code?: string;
    thimble_code?: string;
    message?: string;
  };
  const own = thimble_code ?? code;
  const known = KNOWN_CODES.find((name) => name === own);
  if (known === undefined || message === undefined)
    throw unavailable(url, `answers ${response.status}`);
  const hint = known === 'E_KEY_INVALID' ? ` This command sends the one in ${KEY_VARIABLE}.` : '';
  throw new EngineError(known, message + hint);
}

async function jsonOf(url: URL, response: Response): Promise<ServerAnswer> {
  return (await response.json().catch((cause: unknown) => {
    throw unavailable(url, `answers ${response.status} and no JSON`, cause);
  })) as ServerAnswer;
}

const KNOWN_CODES = Object.keys(ERROR_ROWS) as ErrorCode[];

function unavailable(url: URL, what: string, cause?: unknown): EngineError {
  const message = `${url.origin}: ${what}. Is it a thimble server (thimble dev)?`;
  return new EngineError('E_BACKEND_UNAVAILABLE', message, { cause });
}
