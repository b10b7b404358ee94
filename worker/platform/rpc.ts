/**
 * The envelope of calls between scripts: errors come back as values, since RPC keeps only an error's
 * name and message, and each is logged where it happened (failure.ts).
 */
import { EngineError, errorFromRecord } from '../../engine/base/errors.ts';
import type { ErrorRecord } from '../../engine/base/errors.ts';
import { reportFailure } from './failure.ts';
import type { Place } from './failure.ts';

export type RpcAnswer<T> = { readonly ok: T } | { readonly error: ErrorRecord };

/** In the script that is asked: never throws. */
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
 * In the script that asks: the answer of a method that uses `answerCall`.
 * @param script for messages
 * @throws {EngineError} what the other script reports; E_BACKEND_UNAVAILABLE when it does not answer.
 */
export async function ask<T>(script: string, call: () => PromiseLike<unknown>): Promise<T> {
  // RPC's type of an answer loses what it is made of; what crosses is the answer itself.
  return unwrap((await reach(script, call)) as RpcAnswer<T>);
}

/** @throws {EngineError} the answer's error */
export function unwrap<T>(answer: RpcAnswer<T>): T {
  if ('ok' in answer) return answer.ok;
  throw errorFromRecord(answer.error);
}

/** Any call to another script. @throws {EngineError} E_BACKEND_UNAVAILABLE when it does not answer. */
export async function reach<T>(script: string, call: () => PromiseLike<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    throw unavailable(script, 'did not answer', cause);
  }
}

/** The cause is logged, not told: it may hold anything. */
export function unavailable(script: string, what: string, cause?: unknown): EngineError {
  return new EngineError('E_BACKEND_UNAVAILABLE', `${script}: ${what}. Try again.`, { cause });
}
