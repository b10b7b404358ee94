/**
 * Server-sent events from an async iterator of chunks. The first chunk is awaited before the
 * headers are sent, so that errors until then have their own status; later ones are a last event.
 */
import type { ErrorRecord } from '../../engine/base/errors.ts';
import { errorBody, recordForClient } from './error-response.ts';
import type { RequestRecord } from './observe/record.ts';

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  // Tells proxies not to buffer, which would delay tokens.
  'x-accel-buffering': 'no',
};

/** A client that reads nothing for this long is taken to be gone. */
export const MAX_STALL_MS = 30_000;

/** How an API writes its events. */
export interface SseShape {
  /** Each event begins with a line `event: ` and the chunk's `type`. */
  readonly isNamed: boolean;
  /** Data of the last event; null when the stream simply ends. */
  readonly last: string | null;
  /** The chunk that reports an error after the headers. */
  readonly failure: (record: ErrorRecord) => unknown;
}

export const OPENAI_SSE: SseShape = { isNamed: false, last: '[DONE]', failure: errorBody };

/** @param onEnd called once, however the stream ends. */
export async function sseResponse(
  chunks: AsyncGenerator<unknown, void, void>,
  shape: SseShape,
  record: RequestRecord,
  onEnd: () => void,
): Promise<Response> {
  let first: IteratorResult<unknown, void> | null;
  try {
    first = await chunks.next();
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
  let stallTimer: ReturnType<typeof setTimeout> | undefined;
  /** When the chunk was sent that the client has not read beyond; null while it waits for one. */
  let unreadSince: number | null = null;
  /** Ends the generators upstream, down to the stage's stream. */
  const abandon = async (): Promise<void> => {
    end();
    await chunks.return();
  };
  const next = async (): Promise<IteratorResult<unknown, void>> => {
    const result = first ?? (await chunks.next());
    first = null;
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
        const { value, done } = await next();
        if (done !== true) {
          send(eventText(value, shape));
          unreadSince = Date.now();
          if (stallTimer === undefined) watchStall(controller, MAX_STALL_MS);
          return;
        }
        if (shape.last !== null) send(`data: ${shape.last}\n\n`);
      } catch (error) {
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
  return new Response(new ReadableStream(source), { headers: HEADERS });
}

/** JSON has no raw line breaks: one line of data is enough. */
function eventText(chunk: unknown, { isNamed }: SseShape): string {
  const name = isNamed ? `event: ${(chunk as { type: string }).type}\n` : '';
  return `${name}data: ${JSON.stringify(chunk)}\n\n`;
}
