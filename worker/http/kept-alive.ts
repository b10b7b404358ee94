/**
 * Answers that are not streamed and take long. A client that leaves is noticed only where something is written to
 * it, so such an answer begins with a line break every KEEP_ALIVE_MS, which JSON allows before a value. By then its
 * status is sent: what fails later breaks the connection off, as a server does that goes away.
 */
import type { Begun, Client } from '../platform/client.ts';
import { recordForClient } from './error-response.ts';
import type { RequestRecord } from './observe/record.ts';

/** Time after its first token within which an answer is sent as a whole, and time between line breaks. */
export const KEEP_ALIVE_MS = 500;

/** A byte controller takes what it is given away. */
const LINE_BREAK = Uint8Array.of(0x0a);

/** Signals of requests that this server made itself: nobody can leave them unnoticed. */
const ownSignals = new WeakSet<AbortSignal>();

export function markOwn(signal: AbortSignal): void {
  ownSignals.add(signal);
}

export function isOwn(signal: AbortSignal): boolean {
  return ownSignals.has(signal);
}

export interface LongAnswer {
  /** The answer, whole. */
  readonly made: Promise<Response>;
  /** Resolves with the first delta: what is refused is refused before. */
  readonly begun: Promise<Begun | void>;
  /** Resolves when it waits for its turn, and is not refused any more: the client is asked at once whether it is there. */
  readonly waits?: Promise<void>;
  readonly record: RequestRecord;
  /** Called once when the answer has been sent, has failed, or the client has left. */
  readonly onEnd: () => void;
}

/** @throws what `made` rejects with until its first line break. */
export async function longResponse(long: LongAnswer): Promise<Response> {
  const { made, begun, waits, record, onEnd } = long;
  // Its failure is seen by whoever awaits it below.
  made.catch(() => undefined);
  let known: Begun = {};
  const patience = begun.then((given) => {
    known = given ?? {};
    return tick(made);
  });
  let asksNow = false;
  const asked = waits?.then(() => {
    asksNow = true;
    return null;
  });
  const first = await Promise.race([
    made.then(toResult),
    patience,
    ...(asked === undefined ? [] : [asked]),
  ]);
  if (first !== null) {
    onEnd();
    return first.value;
  }
  record.hold();
  const end = (): void => {
    onEnd();
    record.end();
  };
  const { headers } = known;
  const source: UnderlyingByteSource = {
    type: 'bytes',
    async pull(controller: ReadableByteStreamController) {
      try {
        const result = asksNow ? null : await tick(made);
        asksNow = false;
        if (result === null) return controller.enqueue(LINE_BREAK.slice());
        controller.enqueue(new Uint8Array(await result.value.arrayBuffer()));
        controller.close();
      } catch (error) {
        record.fail(recordForClient(error, record).code);
        controller.error(error);
      }
      end();
    },
    cancel: end,
  };
  return new Response(new ReadableStream(source), {
    headers: { 'content-type': 'application/json', ...headers },
  });
}

/** Makes an answer for a client that may leave. @throws what `make` rejects with before it has accepted */
export async function watched(
  request: AbortSignal,
  record: RequestRecord,
  make: (client: Client) => Response | Promise<Response>,
): Promise<Response> {
  const { promise: begun, resolve: accept } = Promise.withResolvers<Begun | void>();
  if (isOwn(request)) return await make({ signal: request });
  const left = new AbortController();
  const made = Promise.resolve(make({ signal: AbortSignal.any([request, left.signal]), accept }));
  let isSent = false;
  void made.then(
    () => (isSent = true),
    () => (isSent = true),
  );
  // What is streamed goes on after its headers.
  const onEnd = (): void => {
    if (!isSent) left.abort();
  };
  return await longResponse({ made, begun, record, onEnd });
}

interface Result<T> {
  readonly value: T;
}

function toResult<T>(value: T): Result<T> {
  return { value };
}

/** What is awaited, or null when it takes longer than until the next line break. */
export async function tick<T>(made: Promise<T>): Promise<Result<T> | null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), KEEP_ALIVE_MS);
  try {
    return await Promise.race([made.then(toResult), promise]);
  } finally {
    clearTimeout(timer);
  }
}
