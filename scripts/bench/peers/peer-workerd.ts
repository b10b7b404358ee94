/** Our server in workerd, asked over HTTP and timed by the client: everything a user waits for. */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { cp, rm } from 'node:fs/promises';
import { measureBundle } from '../../deploy/limits.ts';
import { modelsBucketName } from '../../dev/prepare.ts';
import { startServer } from '../../dev/server.ts';
import type { ServerOptions } from '../../dev/server.ts';
import { distDir } from '../../lib/paths.ts';
import { openLocalBucket } from '../../push/local-bucket.ts';
import { changePlacement } from '../../push/place.ts';
import { fillPool, readStored } from '../../push/pool.ts';
import {
  fullContext,
  rewriteAnswer,
  speedAnswers,
  structuredAnswer,
  timesOf,
} from './engine-answers.ts';
import type { TimedRun } from './engine-answers.ts';
import { isolateMemory } from './isolate-memory.ts';
import { STRUCTURED_SCHEMA } from './structured-task.ts';
import { benchTokens } from './peer.ts';
import type { Peer, PeerConfig } from './peer.ts';

/** Enough for any model that is benched. */
const LARGE_BUDGET_BYTES = 4_000_000_000;

export async function startPeer(config: PeerConfig): Promise<Peer> {
  const { persist, nIsolate } = config;
  return await peerOver(config, { persist, nIsolate });
}

/** The same model whole in one isolate, whatever its size: what a pool of isolates is compared with. */
export async function startLargePeer(config: PeerConfig): Promise<Peer> {
  const persist = `${config.persist}-large`;
  await cp(config.persist, persist, { recursive: true });
  const remove = () => rm(persist, { recursive: true, force: true });
  try {
    await placeInOne(persist);
    const vars = { MEMORY_BUDGET_BYTES: String(LARGE_BUDGET_BYTES) };
    const peer = await peerOver(config, { persist, vars, nIsolate: 1 });
    return { ...peer, close: () => peer.close().finally(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function placeInOne(persist: string): Promise<void> {
  const bucket = await openLocalBucket(modelsBucketName(), persist);
  try {
    const pool = { nIsolate: 1, budgetBytes: LARGE_BUDGET_BYTES, required: new Map() };
    await changePlacement(bucket, async (placement) =>
      fillPool(placement, await readStored(bucket, placement), pool),
    );
  } finally {
    await bucket.close();
  }
}

async function peerOver(
  { modelId, inspects, nVocab, nCtx, rewritePrompt, structuredPrompt }: PeerConfig,
  options: Pick<ServerOptions, 'persist' | 'vars' | 'nIsolate'>,
): Promise<Peer> {
  const server = await startServer({
    port: 0,
    host: '127.0.0.1',
    ...(inspects ? { inspectorPort: 0 } : {}),
    ...options,
    vars: { DEFAULT_MODEL: modelId, ...options.vars },
  });
  leaveServersCore();
  // The gateway is up, no weights are loaded: from here to the first token is a cold start.
  await (await fetch(`${server.url}/healthz`)).text();
  const cold = await stream(server.url, modelId, benchTokens(16, 0, nVocab), 1);
  return {
    answers: {
      ...speedAnswers(nVocab, (prompt, maxTokens) =>
        stream(server.url, modelId, prompt, maxTokens),
      ),
      ...rewriteAnswer(rewritePrompt, (prompt, maxTokens, speculation) =>
        stream(server.url, modelId, prompt, maxTokens, { speculation }),
      ),
      ...structuredAnswer(structuredPrompt, (prompt, maxTokens, isHeld) =>
        stream(server.url, modelId, prompt, maxTokens, isHeld ? HELD : {}),
      ),
      coldFirstToken: () => Promise.resolve(cold.firstMs),
      async peakMemory(_, salt) {
        const { nPrompt, nTokens } = fullContext(nCtx);
        await stream(server.url, modelId, benchTokens(nPrompt, salt, nVocab), nTokens);
        const detail = await isolateMemory(server, modelId);
        return { value: detail.jsHeapBytes + detail.wasmBytes, detail };
      },
      bundleSize() {
        const detail = ['stage', 'gateway'].map((name) => measureBundle(name, join(distDir, name)));
        const value = detail.reduce((sum, { gzipBytes }) => sum + gzipBytes, 0);
        return Promise.resolve({ value, detail });
      },
    },
    close: () => server.close(),
  };
}

/**
 * The server keeps the core this process was given; the client, which is not part of it, moves to the
 * others. Without them, or without taskset, both stay.
 */
function leaveServersCore(): void {
  const others = cpus().length - 2;
  if (others < 0) return;
  spawnSync('taskset', ['-a', '-c', '-p', `0-${others}`, String(process.pid)]);
}

const HELD = {
  response_format: {
    type: 'json_schema',
    json_schema: { name: 'people', schema: STRUCTURED_SCHEMA },
  },
};

/** A streamed completion, and when its tokens arrived. */
async function stream(
  url: string,
  model: string,
  prompt: number[],
  maxTokens: number,
  fields: object = {},
): Promise<TimedRun> {
  const body = JSON.stringify({
    model,
    prompt,
    max_tokens: maxTokens,
    temperature: 0,
    ignore_eos: true,
    speculation: 'off',
    stream: true,
    stream_options: { include_usage: true },
    ...fields,
  });
  const startedAt = performance.now();
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  if (!response.ok || response.body === null)
    throw new Error(`bench: ${response.status} ${await response.text()}`);
  const atMs: number[] = [];
  let nTokens = 0;
  let endedAt = 0;
  let text = '';
  for await (const { at, json } of sseEvents(response.body)) {
    const { choices, usage, error } = json as {
      choices?: { text: string; finish_reason: string | null }[];
      usage?: { completion_tokens: number } | null;
      error?: { message: string };
    };
    if (error !== undefined) throw new Error(`bench: ${error.message}`);
    if (usage) nTokens = usage.completion_tokens;
    if (choices?.[0] === undefined) continue;
    text += choices[0].text;
    // The last choice only says why it ended; tokens without text of their own arrive with it.
    if (choices[0].finish_reason === null) atMs.push(at);
    else endedAt = at;
  }
  if (atMs.length < nTokens) atMs.push(endedAt);
  if (nTokens !== maxTokens && !('response_format' in fields))
    throw new Error(`bench: asked for ${maxTokens} tokens, the server made ${nTokens}`);
  return timesOf(startedAt, atMs, nTokens, text);
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
      const data = event.split('\n').find((line) => line.startsWith('data: {'));
      if (data !== undefined) yield { at, json: JSON.parse(data.slice(6)) as unknown };
    }
  }
}
