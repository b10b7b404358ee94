/**
 * Streams from an async iterator of chunks, as server-sent events or as lines of JSON. The first chunk is awaited
 * before the headers are sent, so that errors until then have their own status; later ones are a last event.
 */
import type { ErrorRecord } from '../../engine/base/errors.ts';
import { errorBody, recordForClient } from './error-response.ts';
import { tick } from './kept-alive.ts';
import type { RequestRecord } from './observe/record.ts';

const HEADERS = {
  'cache-control': 'no-cache',
  // Tells proxies not to buffer, which would delay tokens.
  'x-accel-buffering': 'no',
};

/** A client that reads nothing for this long is taken to be gone. */
export const MAX_STALL_MS = 30_000;

/** How an API writes its events. */
export interface SseShape {
  /** Lines of JSON instead of server-sent events. */
  readonly isLines?: boolean;
  /** Each event begins with a line `event: ` and the chunk's `type`. */
  readonly isNamed: boolean;
  /** Data of the last event; null when the stream simply ends. */
  readonly last: string | null;
  /** The chunk that reports an error after the headers. */
  readonly failure: (record: ErrorRecord) => unknown;
}

export const OPENAI_SSE: SseShape = { isNamed: false, last: '[DONE]', failure: errorBody };

/**
 * What clients pass over, a comment or a space before JSON: a client that has left is noticed only where something is
 * written to it.
 */
const STILL_HERE = { events: ': waiting\n\n', lines: ' ' };

/**
 * @param onEnd called once, however the stream ends
 * @param waits resolves when the first chunk waits for its turn and is not refused any more: comments are sent until then
 */
export async function sseResponse(
  chunks: AsyncGenerator<unknown, void, void>,
  shape: SseShape,
  record: RequestRecord,
  onEnd: () => void,
  waits?: Promise<void>,
): Promise<Response> {
  /** The chunk that is being made; null when none is. */
  let coming: Promise<IteratorResult<unknown, void>> | null = chunks.next();
  let isWaiting = false;
  let nComment = 0;
  const asked = waits?.then(() => void (isWaiting = true));
  // Its failure is seen by whoever awaits it next.
  coming.catch(() => undefined);
  try {
    await Promise.race(asked === undefined ? [coming] : [coming, asked]);
  } catch (error) {
    onEnd();
    throw error;
  }
  record.hold();
  const end = (): void => {
    onEnd();
    record.end();
  };
  const encoder = new TextEncoder();
  const stillHere = shape.isLines === true ? STILL_HERE.lines : STILL_HERE.events;
  let stallTimer: ReturnType<typeof setTimeout> | undefined;
  /** When the chunk was sent that the client has not read beyond; null while it waits for one. */
  let unreadSince: number | null = null;
  /** Whether nobody reads any more: what was on its way then is dropped. */
  let isLeft = false;
  /** Ends the generators upstream, down to the stage's stream. */
  const abandon = async (): Promise<void> => {
    isLeft = true;
    end();
    await chunks.return();
  };
  /** The next chunk; null when it is time to write a comment. */
  const next = async (): Promise<IteratorResult<unknown, void> | null> => {
    coming ??= chunks.next();
    if (isWaiting) {
      const result = nComment++ === 0 ? null : await tick(coming);
      if (result === null) return null;
      isWaiting = false;
    }
    const result = await coming;
    coming = null;
    return result;
  };
  /** One timer per stream, not per token: it checks again when the time could be over. */
  const watchStall = (controller: ReadableByteStreamController, waitMs: number): void => {
    stallTimer = setTimeout(() => {
      const leftMs = unreadSince === null ? MAX_STALL_MS : unreadSince + MAX_STALL_MS - Date.now();
      if (leftMs > 0) {
        watchStall(controller, leftMs);
        return;
      }
      controller.error(new Error('the client stopped reading'));
      void abandon();
    }, waitMs);
  };
  const source: UnderlyingByteSource = {
    type: 'bytes',
    async pull(controller: ReadableByteStreamController) {
      unreadSince = null;
      const send = (text: string): void => controller.enqueue(encoder.encode(text));
      try {
        const result = await next();
        if (isLeft) return;
        if (result?.done !== true) {
          send(result === null ? stillHere : eventText(result.value, shape));
          unreadSince = Date.now();
          if (stallTimer === undefined) watchStall(controller, MAX_STALL_MS);
          return;
        }
        if (shape.last !== null) send(`data: ${shape.last}\n\n`);
      } catch (error) {
        if (isLeft) return;
        const failure = recordForClient(error, record);
        record.fail(failure.code);
        send(eventText(shape.failure(failure), shape));
      }
      clearTimeout(stallTimer);
      controller.close();
      end();
    },
    async cancel() {
      clearTimeout(stallTimer);
      await abandon();
    },
  };
  const type = shape.isLines === true ? 'application/x-ndjson' : 'text/event-stream; charset=utf-8';
  return new Response(new ReadableStream(source), {
    headers: { 'content-type': type, ...HEADERS },
  });
}

/** JSON has no raw line breaks: one line of data is enough. */
function eventText(chunk: unknown, { isNamed, isLines = false }: SseShape): string {
  if (isLines) return `${JSON.stringify(chunk)}\n`;
  const name = isNamed ? `event: ${(chunk as { type: string }).type}\n` : '';
  return `${name}data: ${JSON.stringify(chunk)}\n\n`;
}
