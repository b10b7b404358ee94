/** A request to a running thimble server, and its errors as ours. */
import { EngineError, ERROR_ROWS, type ErrorCode } from '../../engine/base/errors.ts';
import { interruptSignal } from './interrupt.ts';

export type ServerAnswer = Readonly<Record<string, unknown>>;

/** @throws {EngineError} E_USAGE */
export function serverAddress(server: string, path: string, what: string): URL {
  const url = URL.parse(path, server);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new EngineError(
    'E_USAGE',
    `${what}: --url; expected an address such as http://localhost:8787, got ${server}.`,
  );
}

/**
 * POSTs a body, or GETs without one.
 * @throws {EngineError} what the server answers; E_BACKEND_UNAVAILABLE when it does not
 */
export async function askServer(url: URL, body?: object): Promise<ServerAnswer> {
  const init =
    body === undefined
      ? {}
      : {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        };
  const response = await fetch(url, { ...init, signal: interruptSignal }).catch(
    (cause: unknown) => {
      throw unavailable(url, 'does not answer', cause);
    },
  );
  const answer = (await response.json().catch((cause: unknown) => {
    throw unavailable(url, `answers ${response.status} and no JSON`, cause);
  })) as ServerAnswer;
  if (response.ok) return answer;
  const { code, message } = (answer['error'] ?? {}) as { code?: string; message?: string };
  if (code === undefined || !Object.hasOwn(ERROR_ROWS, code) || message === undefined)
    throw unavailable(url, `answers ${response.status}`);
  throw new EngineError(code as ErrorCode, message);
}

function unavailable(url: URL, what: string, cause?: unknown): EngineError {
  const message = `${url.origin}: ${what}. Is it a thimble server (thimble dev)?`;
  return new EngineError('E_BACKEND_UNAVAILABLE', message, { cause });
}
