/** Sound as a response body, made as it is read. */
import type { RequestRecord } from '../observe/record.ts';

/** A failure after the headers breaks the body off, which clients see as an incomplete answer. */
export function audioResponse(
  chunks: AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>,
  contentType: string,
  record: RequestRecord,
): Response {
  record.hold();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done } = await chunks.next();
        if (done !== true) return controller.enqueue(value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      record.end();
    },
    async cancel() {
      record.end();
      await chunks.return();
    },
  });
  return new Response(body, { headers: { 'content-type': contentType } });
}
