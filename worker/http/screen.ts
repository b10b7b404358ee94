/**
 * Hosts and origins that are answered. A web page anywhere may send requests to this machine or to a deployment;
 * browsers say which page it is (Origin) and which name it used (Host). Clients that are not browsers send no origin.
 */
import { EngineError } from '../../engine/base/errors.ts';
import { accessMode, listOf } from '../access/env.ts';
import type { AccessEnv } from '../access/env.ts';
import { REDACTED_HEADER } from '../serving/redaction/redact-request.ts';
import { IGNORED_HEADER } from './body/unknown-fields.ts';
import { GENERATED_HEADER } from './generated.ts';
import { RATE_HEADERS } from './rate-headers.ts';

type ScreenEnv = Pick<AccessEnv, 'ACCESS' | 'ALLOWED_ORIGINS' | 'ALLOWED_HOSTS'>;

/** OpenAI's name; every line of the log that belongs to the request has the same id. */
export const REQUEST_ID_HEADER = 'x-request-id';
const EXPOSED = [
  ...['retry-after', REQUEST_ID_HEADER, IGNORED_HEADER, GENERATED_HEADER, REDACTED_HEADER],
  ...RATE_HEADERS,
].join(', ');
const METHODS = 'GET, POST, DELETE';
const PREFLIGHT_S = 600;
const ANY = '*';
/** In ALLOWED_HOSTS: any address. A page that rebinds a name of its own to this machine can send only that name. */
const ANY_ADDRESS = 'ip';
const MAX_SHOWN_CHARS = 100;

/**
 * Refuses foreign pages, and foreign names of a local server.
 * @throws {EngineError} E_ACCESS_DENIED
 */
export function screen(request: Request, env: ScreenEnv): void {
  const host = hostOf(request);
  if (accessMode(env) === 'local' && !isLocalHost(host, listOf(env.ALLOWED_HOSTS)))
    throw denied(
      `host: ${shown(host)} is not a name of this server; expected localhost or 127.0.0.1. Use one of them, or serve with --host.`,
    );
  const origin = request.headers.get('origin');
  if (origin === null || isSameOrigin(origin, host) || isAllowed(origin, env)) return;
  throw denied(
    `origin: pages of ${shown(origin)} may not ask this server. Allow them with thimble dev --origin ORIGIN, or deploy with --origin ORIGIN.`,
  );
}

/** Headers that let the page of an allowed origin read an answer. */
export function originHeaders(request: Request, env: ScreenEnv): Record<string, string> {
  const origin = request.headers.get('origin');
  const allowed = listOf(env.ALLOWED_ORIGINS);
  const vary: Record<string, string> =
    allowed.length === 0 || allowed.includes(ANY) ? {} : { vary: 'Origin' };
  if (origin === null || !isAllowed(origin, env)) return vary;
  return {
    ...vary,
    'access-control-allow-origin': allowed.includes(ANY) ? ANY : origin,
    'access-control-expose-headers': EXPOSED,
  };
}

/** The answer to a browser that asks first whether it may ask; null for any other request. */
export function preflight(request: Request): Response | null {
  const { method, headers } = request;
  if (method !== 'OPTIONS' || headers.get('access-control-request-method') === null) return null;
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-methods': METHODS,
      'access-control-allow-headers': headers.get('access-control-request-headers') ?? '',
      'access-control-max-age': String(PREFLIGHT_S),
    },
  });
}

/** Of the connection; what a proxy or a header of another name says does not count. */
function hostOf(request: Request): string {
  return request.headers.get('host') ?? new URL(request.url).host;
}

function isAllowed(origin: string, { ALLOWED_ORIGINS }: ScreenEnv): boolean {
  const allowed = listOf(ALLOWED_ORIGINS);
  return allowed.includes(ANY) || allowed.includes(origin);
}

/** The page came from this server. */
function isSameOrigin(origin: string, host: string): boolean {
  return origin === `https://${host}` || origin === `http://${host}`;
}

function isLocalHost(host: string, others: readonly string[]): boolean {
  const name = nameOf(host);
  if (name === null) return false;
  const isLoopback = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(name);
  const isAddress = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/.test(name);
  return isLoopback || others.includes(name) || (isAddress && others.includes(ANY_ADDRESS));
}

/** Without the port; null for what is not a host. */
function nameOf(host: string): string | null {
  return /^([^:/@\s]+|\[[^\]]+\])(:\d{1,5})?$/.exec(host.toLowerCase())?.[1] ?? null;
}

function denied(message: string): EngineError {
  return new EngineError('E_ACCESS_DENIED', message);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, MAX_SHOWN_CHARS));
}
