/**
 * The envelope of calls between scripts: errors come back as values, since RPC keeps only an error's
 * name and message, and each is logged where it happened (failure.ts).
 */
import { EngineError, errorFromRecord } from '../../engine/base/errors.ts';
import type { ErrorRecord } from '../../engine/base/errors.ts';
import { reportFailure } from './failure.ts';
import type { Place } from './failure.ts';

export type RpcAnswer<T> = { readonly ok: T } | { readonly error: ErrorRecord };

/** Answers a call in the script that is called; never throws. */
export async function answerCall<T>(
  place: Place,
  run: () => T | Promise<T>,
): Promise<RpcAnswer<T>> {
  try {
    return { ok: await run() };
  } catch (error) {
    return { error: reportFailure(error, place) };
  }
}

/**
 * Calls a method of another script that answers with `answerCall`.
 * @param script its name, for messages
 * @throws {EngineError} what the other script reports; E_BACKEND_UNAVAILABLE when it does not answer.
 */
export async function ask<T>(script: string, call: () => PromiseLike<unknown>): Promise<T> {
  // RPC's types lose the shape of an answer; the value itself crosses unchanged.
  return unwrap((await reach(script, call)) as RpcAnswer<T>);
}

/** @throws {EngineError} the answer's error */
export function unwrap<T>(answer: RpcAnswer<T>): T {
  if ('ok' in answer) return answer.ok;
  throw errorFromRecord(answer.error);
}

/** Makes any call to another script. @throws {EngineError} E_BACKEND_UNAVAILABLE when it does not answer. */
export async function reach<T>(script: string, call: () => PromiseLike<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    throw unavailable(script, 'did not answer', cause);
  }
}

/** The cause goes to the log, not to the client: it may contain anything. */
export function unavailable(script: string, what: string, cause?: unknown): EngineError {
  return new EngineError('E_BACKEND_UNAVAILABLE', `${script}: ${what}. Try again.`, { cause });
}
