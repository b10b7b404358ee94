/** Our server in workerd, asked over HTTP and timed by the client: everything a user waits for. */
import { startServer } from '../dev/server.ts';
import { isolateMemory } from './isolate-memory.ts';
import { benchTokens } from './peer.ts';
import type { Peer, PeerConfig } from './peer.ts';

export async function startPeer({ modelId, persist }: PeerConfig): Promise<Peer> {
  const server = await startServer({
    port: 0,
    host: '127.0.0.1',
    persist,
    inspectorPort: 0,
    vars: { DEFAULT_MODEL: modelId },
  });
  // The gateway is up, no weights are loaded: from here to the first token is a cold start.
  await (await fetch(`${server.url}/healthz`)).text();
  const cold = await stream(server.url, modelId, benchTokens(16, 9999), 1);
  let peak = { jsHeapBytes: 0, wasmBytes: 0 };
  return {
    prefill: async (nTokens, round) =>
      (await stream(server.url, modelId, benchTokens(nTokens, round), 1)).firstMs,
    async decode(nTokens, round) {
      const result = await stream(server.url, modelId, benchTokens(4, round + 500), nTokens + 1);
      return result.perTokenMs;
    },
    async finish() {
      // The whole context in use: prompt to the last page, then tokens.
      await stream(server.url, modelId, benchTokens(1900, 77), 140);
      peak = await isolateMemory(server, modelId);
      return {
        coldFirstTokenMs: cold.firstMs,
        isolatePeak: peak,
        isolatePeakBytes: peak.jsHeapBytes + peak.wasmBytes,
      };
    },
    close: () => server.close(),
  };
}

/** A streamed completion; milliseconds to the first token and between tokens. */
async function stream(
  url: string,
  model: string,
  prompt: number[],
  maxTokens: number,
): Promise<{ firstMs: number; perTokenMs: number }> {
  const body = JSON.stringify({
    model,
    prompt,
    max_tokens: maxTokens,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  });
  const startedAt = performance.now();
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  if (!response.ok || response.body === null)
    throw new Error(`bench: ${response.status} ${await response.text()}`);
  let firstAt = 0;
  let lastAt = 0;
  let nTokens = 0;
  for await (const { at, json } of sseEvents(response.body)) {
    const { choices, usage } = json as {
      choices: unknown[];
      usage?: { completion_tokens: number } | null;
    };
    if (usage) nTokens = usage.completion_tokens;
    if (choices.length === 0) continue;
    if (firstAt === 0) firstAt = at;
    lastAt = at;
  }
  return {
    firstMs: firstAt - startedAt,
    perTokenMs: (lastAt - firstAt) / Math.max(1, nTokens - 1),
  };
}

/** Server-sent JSON events with the time each arrived. */
async function* sseEvents(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ at: number; json: unknown }> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body) {
    const at = performance.now();
    const events = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      if (event.startsWith('data: {')) yield { at, json: JSON.parse(event.slice(6)) as unknown };
    }
  }
}
