/**
 * Server-sent events from an async iterator of chunks. The first chunk is awaited before the
 * headers go out, so that errors until then have their own status; later ones are a last event.
 */
import { errorBody, recordForClient } from '../error-response.ts';

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  // Proxies that buffer would keep tokens back.
  'x-accel-buffering': 'no',
};

/** A client that reads nothing for so long has gone without a word. */
export const MAX_STALL_MS = 120_000;

/** @param onEnd called once, however the stream ends. */
export async function sseResponse(
  chunks: AsyncGenerator<unknown, void, void>,
  onEnd: () => void = () => undefined,
): Promise<Response> {
  let first: IteratorResult<unknown, void> | null;
  try {
    first = await chunks.next();
  } catch (error) {
    onEnd();
    throw error;
  }
  const encoder = new TextEncoder();
  let stallTimer: ReturnType<typeof setTimeout> | undefined;
  /** When the chunk went out that the client has not asked beyond; null while it waits for one. */
  let unreadSince: number | null = null;
  /** Ends the generators inside, down to the stage's stream. */
  const abandon = async (): Promise<void> => {
    onEnd();
    await chunks.return();
  };
  const next = async (): Promise<IteratorResult<unknown, void>> => {
    const result = first ?? (await chunks.next());
    first = null;
    return result;
  };
  /** One timer a stream, not one a token: it looks again when the time could be over. */
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
      const send = (data: string): void => controller.enqueue(encoder.encode(`data: ${data}\n\n`));
      try {
        const { value, done } = await next();
        if (done !== true) {
          send(JSON.stringify(value));
          unreadSince = Date.now();
          if (stallTimer === undefined) watchStall(controller, MAX_STALL_MS);
          return;
        }
        send('[DONE]');
      } catch (error) {
        send(JSON.stringify(errorBody(recordForClient(error))));
      }
      clearTimeout(stallTimer);
      controller.close();
      onEnd();
    },
    async cancel() {
      clearTimeout(stallTimer);
      await abandon();
    },
  };
  return new Response(new ReadableStream(source), { headers: HEADERS });
}
