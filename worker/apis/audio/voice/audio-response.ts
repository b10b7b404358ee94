/** Audio as a response body, made as it is read. */
import type { RequestRecord } from '../../../http/observe/record.ts';
import { MAX_STALL_MS } from '../../../http/sse.ts';

/**
 * A failure after the headers aborts the body, which clients see as an incomplete response. A client
 * that reads nothing for MAX_STALL_MS is taken to be gone: it must not block the voice.
 */
export function audioResponse(
  chunks: AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>,
  contentType: string,
  record: RequestRecord,
): Response {
  record.hold();
  let stallTimer: ReturnType<typeof setTimeout> | undefined;
  const end = async () => {
    clearTimeout(stallTimer);
    record.end();
    await chunks.return();
  };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      clearTimeout(stallTimer);
      try {
        const { value, done } = await chunks.next();
        if (done !== true) {
          controller.enqueue(value);
          stallTimer = setTimeout(() => {
            controller.error(new Error('the client stopped reading'));
            void end();
          }, MAX_STALL_MS);
          return;
        }
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      await end();
    },
    cancel: end,
  });
  return new Response(body, { headers: { 'content-type': contentType } });
}
