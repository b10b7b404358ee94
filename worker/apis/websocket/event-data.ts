/** The data of each of our own server-sent events: one line, as worker/http/sse.ts writes them. */

const DONE = '[DONE]';

/** Ends and cancels the stream when `signal` fires, even while it waits for the next event. */
export async function* eventData(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const reader = stream.getReader();
  const cancel = (): void => {
    reader.cancel().catch(() => undefined);
  };
  signal.addEventListener('abort', cancel, { once: true });
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done || signal.aborted) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const data = line.startsWith('data: ') ? line.slice(6) : DONE;
        if (data !== DONE) yield data;
      }
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    cancel();
  }
}
