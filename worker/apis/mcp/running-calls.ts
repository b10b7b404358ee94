/**
 * Calls that run in this isolate, by client and id, so that notifications/cancelled can end them: it comes as a request
 * of its own. Nothing else of a session is kept. One that reaches another isolate changes nothing; a client that closes
 * its connection ends its call wherever it runs.
 */
import type { Caller } from '../../platform/caller.ts';
import { SESSION_HEADER } from '../../serving/mcp/protocol.ts';
import type { MessageId } from './json-rpc.ts';

/** Visible ASCII, as the protocol demands of ids of sessions; ours are UUIDs. */
const SESSION_ID = /^[\x21-\x7e]{1,128}$/;

const running = new Map<string, () => void>();

/** Ids of messages are unique within a session: null without one. */
function keyOf({ subject }: Caller, request: Request, id: MessageId): string | null {
  const session = request.headers.get(SESSION_HEADER) ?? '';
  return SESSION_ID.test(session) ? JSON.stringify([subject, session, id]) : null;
}

/** Runs a call that can be cancelled. */
export async function cancellable<T>(
  caller: Caller,
  request: Request,
  id: MessageId,
  abort: AbortController,
  run: () => Promise<T>,
): Promise<T> {
  const key = keyOf(caller, request, id);
  if (key === null) return await run();
  const { promise, resolve } = Promise.withResolvers<void>();
  // Continued in this request: the runtime lets none touch the I/O of another.
  void promise.then(() => abort.abort());
  running.set(key, resolve);
  try {
    return await run();
  } finally {
    if (running.get(key) === resolve) running.delete(key);
  }
}

export function cancelCall(caller: Caller, request: Request, id: MessageId): void {
  const key = keyOf(caller, request, id);
  if (key !== null) running.get(key)?.();
}
