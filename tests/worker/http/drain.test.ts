/** A refused body is read to its end as far as it is small, and never waited for. */
import { expect, test, vi } from 'vitest';
import { drainRefused, MAX_DRAINED_BYTES } from '../../../worker/http/body/drain.ts';

const CHUNK_BYTES = 64 * 1024;

/** @param nChunk null for a client that stops sending after a chunk */
function sender(nChunk: number | null): {
  request: Request;
  sent: () => number;
  end: () => string;
} {
  let [sent, end] = [0, 'open'];
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (nChunk === null && sent > 0) return new Promise(() => undefined);
        if (sent === nChunk) {
          end = 'closed';
          return controller.close();
        }
        sent++;
        controller.enqueue(new Uint8Array(CHUNK_BYTES));
      },
      cancel: () => void (end = 'cancelled'),
    },
    { highWaterMark: 0 },
  );
  const init: RequestInit & { duplex: 'half' } = { method: 'POST', body, duplex: 'half' };
  return { request: new Request('https://thimble/', init), sent: () => sent, end: () => end };
}

test('a small body is read to its end', async () => {
  const { request, end } = sender(4);
  await drainRefused(request);
  expect(end()).toBe('closed');
});

test('a large body is given up after the bound', async () => {
  const most = MAX_DRAINED_BYTES / CHUNK_BYTES;
  const { request, sent, end } = sender(most * 4);
  await drainRefused(request);
  expect(end()).toBe('cancelled');
  expect(sent()).toBeLessThanOrEqual(most + 1);
});

test('a client that stops sending is not waited for', async () => {
  vi.useFakeTimers();
  try {
    const { request, end } = sender(null);
    const drained = drainRefused(request);
    await vi.advanceTimersByTimeAsync(1000);
    await drained;
    expect(end()).toBe('cancelled');
  } finally {
    vi.useRealTimers();
  }
});

test('a body that was read is left alone', async () => {
  const { request } = sender(1);
  await request.arrayBuffer();
  await drainRefused(request);
  expect(request.bodyUsed).toBe(true);
});
