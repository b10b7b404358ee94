/**
 * Reads what a refused request still sends. A body left unread breaks the connection, and the client may see that
 * instead of the answer.
 */

/** Of a larger body the connection is given up. */
export const MAX_DRAINED_BYTES = 1024 * 1024;
/** A client that sends more slowly than this does not keep its request open. */
const MAX_DRAIN_MS = 1000;

/** Does nothing for a body that was read already, or is read elsewhere. Never fails. */
export async function drainRefused(request: Request): Promise<void> {
  const { body } = request;
  if (body === null || request.bodyUsed || body.locked) return;
  if (Number(request.headers.get('content-length') ?? 0) > MAX_DRAINED_BYTES) return;
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const slow = setTimeout(() => void reader.cancel().catch(() => undefined), MAX_DRAIN_MS);
  try {
    for (let nBytes = 0; nBytes <= MAX_DRAINED_BYTES;) {
      const { done, value } = await reader.read();
      if (done) return;
      nBytes += value.length;
    }
    await reader.cancel();
  } catch {
    // The client has left: nobody waits for the answer.
  } finally {
    clearTimeout(slow);
  }
}
