/**
 * Answers that are not streamed and take long. A client that leaves is noticed only where something is written to
 * it, so such an answer begins with a line break every KEEP_ALIVE_MS, which JSON allows before a value. By then its
 * status is sent: what fails later breaks the connection off, as a server does that goes away.
 */
import { recordForClient } from './error-response.ts';
import type { RequestRecord } from './observe/record.ts';

/** Time after its first token within which an answer is sent as a whole, and time between line breaks. */
export const KEEP_ALIVE_MS = 500;

/** Signals of requests that this server made itself: nobody can leave them unnoticed. */
const ownSignals = new WeakSet<AbortSignal>();

export function markOwn(signal: AbortSignal): void {
  ownSignals.add(signal);
}

export function isOwn(signal: AbortSignal): boolean {
  return ownSignals.has(signal);
}

export interface LongAnswer {
  /** The answer's body as JSON. */
  readonly made: Promise<unknown>;
  /** Resolves with the first delta: what is refused is refused before. */
  readonly begun: Promise<void>;
  readonly record: RequestRecord;
  /** Called once when the answer has been sent, has failed, or the client has left. */
  readonly onEnd: () => void;
}

/** @throws what `made` rejects with until its first line break. */
export async function longResponse({ made, begun, record, onEnd }: LongAnswer): Promise<Response> {
  // Its failure is seen by whoever awaits it below.
  made.catch(() => undefined);
  const patience = begun.then(() => tick(made));
  const first = await Promise.race([made.then(toResult), patience]);
  if (first !== null) {
    const response = Response.json(first.value);
    onEnd();
    return response;
  }
  record.hold();
  const end = (): void => {
    onEnd();
    record.end();
  };
  const encoder = new TextEncoder();
  const source: UnderlyingByteSource = {
    type: 'bytes',
    async pull(controller: ReadableByteStreamController) {
      try {
        const result = await tick(made);
        controller.enqueue(encoder.encode(result === null ? '\n' : JSON.stringify(result.value)));
        if (result === null) return;
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
    headers: { 'content-type': 'application/json' },
  });
}

interface Result {
  readonly value: unknown;
}

function toResult(value: unknown): Result {
  return { value };
}

/** The answer, or null when it takes longer than until the next line break. */
async function tick(made: Promise<unknown>): Promise<Result | null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), KEEP_ALIVE_MS);
  try {
    return await Promise.race([made.then(toResult), promise]);
  } finally {
    clearTimeout(timer);
  }
}
