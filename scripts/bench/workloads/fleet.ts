/**
 * A model over isolates of 128 MB beside the same model whole in one: whether they say the same, how long the
 * first answer takes with nothing loaded, and what a new version costs requests that run meanwhile.
 */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelsBucketName } from '../../dev/prepare.ts';
import { startServer } from '../../dev/server.ts';
import type { RunningServer, ServerOptions } from '../../dev/server.ts';
import { modelsDir } from '../../lib/paths.ts';
import { withTemporaryFolder } from '../../lib/temporary-folder.ts';
import { openLocalBucket } from '../../push/local-bucket.ts';
import { changePlacement, placeModel, versionOf } from '../../push/place.ts';
import { fillPool, readStored } from '../../push/pool.ts';
import { pushModel, readImported } from '../../push/push.ts';
import { scriptHeap } from '../peers/isolate-memory.ts';

const PROMPTS = [
  'What is the capital of France?',
  'Write a Python function that reverses a linked list.',
  'Explain what a hash table is to a beginner.',
  'Name three things a bicycle needs.',
  'Translate to German: The weather is nice today.',
  'Summarize the plot of Romeo and Juliet.',
  'Write a SQL query that counts orders for each customer.',
  'What is the difference between TCP and UDP?',
  'Give me a recipe for pancakes.',
  'Write a haiku about the sea.',
  'How does photosynthesis work?',
  'Write a JavaScript function that debounces another function.',
  'List the planets of the solar system in order.',
  'What is recursion? Give an example in C.',
  'Write a short letter that declines an invitation.',
  'Explain the bubble sort algorithm step by step.',
  'What are the benefits of regular exercise?',
  'Write a regular expression that matches an e-mail address, and explain it.',
  'Tell a short story about a lost key.',
  'What is 17 times 23? Show your work.',
];
const TOKENS = 200;
/** Streams that run while the model's version changes. */
const STREAMS = 4;
/** Memory of the isolate that holds all of the model. */
const LARGE_BYTES = 4_000_000_000;
const ISOLATE_BYTES = 128_000_000;

export interface FleetBench {
  readonly model: string;
  readonly isolates: number;
  readonly prompts: number;
  readonly tokens: number;
  /** Prompts whose texts differ between the pool and one isolate. */
  readonly different: number;
  /** Milliseconds to the first token with nothing loaded, of the pool and of one isolate. */
  readonly coldMs: { readonly pool: number; readonly large: number };
  /** Bytes of each isolate of the pool: JavaScript heap, memory outside it, WebAssembly as planned. */
  readonly isolateBytes: readonly number[];
  readonly change: {
    readonly requests: number;
    readonly failed: number;
    /** Streams that ran across the change, and those whose text is not that of the version they began with. */
    readonly across: number;
    readonly wrong: number;
  };
}

export async function benchFleet(
  id: string,
  nPrompt: number,
  note: (text: string) => void,
): Promise<FleetBench> {
  const prompts = PROMPTS.slice(0, nPrompt);
  return await withTemporaryFolder('fleet', async (root) => {
    const [pool, large] = [join(root, 'pool'), join(root, 'large')];
    note('pushing into two buckets');
    await preparePool(id, pool, ISOLATE_BYTES - 10_000_000, 16);
    await preparePool(id, large, LARGE_BYTES, 1);
    const vars = { DEFAULT_MODEL: id };
    const largeVars = { ...vars, MEMORY_BUDGET_BYTES: String(LARGE_BYTES) };
    const options = {
      pool: { persist: pool, vars, nIsolate: 16 },
      large: { persist: large, vars: largeVars, nIsolate: 1 },
    };
    const coldMs = { pool: 0, large: 0 };
    const texts: Record<'pool' | 'large', string[]> = { pool: [], large: [] };
    let isolateBytes: number[] = [];
    for (const which of ['pool', 'large'] as const)
      await withServer(options[which], async (server) => {
        note(`${which}: first token with nothing loaded`);
        coldMs[which] = await firstTokenMs(server.url, id);
        for (const [i, prompt] of prompts.entries()) {
          note(`${which}: prompt ${i + 1} of ${prompts.length}`);
          texts[which].push(await complete(server.url, id, prompt));
        }
        if (which === 'pool') isolateBytes = await bytesOfIsolates(server, pool, id);
      });
    const isolates = (await piecesOf(pool, id)).length;
    note('a new version while streams run');
    const change = await withServer(options.pool, (server) =>
      changeVersion(server.url, id, pool, note),
    );
    const different = texts.pool.filter((text, i) => text !== texts.large[i]).length;
    const size = { prompts: prompts.length, tokens: TOKENS };
    return { model: id, isolates, ...size, different, coldMs, isolateBytes, change };
  });
}

async function preparePool(
  id: string,
  persist: string,
  budgetBytes: number,
  nIsolate: number,
): Promise<void> {
  const bucket = await openLocalBucket(modelsBucketName(), persist);
  try {
    await pushModel(id, { bucket });
    await changePlacement(bucket, async (placement) =>
      fillPool(placement, await readStored(bucket, placement), {
        ...{ nIsolate, budgetBytes, defaultModel: id },
        required: new Map([[id, {}]]),
      }),
    );
  } finally {
    await bucket.close();
  }
}

async function withServer<T>(
  options: Omit<ServerOptions, 'port' | 'host'>,
  work: (server: RunningServer) => Promise<T>,
): Promise<T> {
  const server = await startServer({ port: 0, host: '127.0.0.1', inspectorPort: 0, ...options });
  try {
    return await work(server);
  } finally {
    await server.close();
  }
}

async function ask(url: string, path: string, body: object): Promise<Response> {
  const response = await fetch(`${url}/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ temperature: 0, max_tokens: TOKENS, ...body }),
  });
  if (!response.ok) throw new Error(`bench: ${response.status} ${await response.text()}`);
  return response;
}

async function complete(url: string, model: string, content: string): Promise<string> {
  const messages = [{ role: 'user', content }];
  const response = await ask(url, 'chat/completions', { model, messages, ignore_eos: true });
  const { choices } = await response.json<{ choices: { message: { content: string } }[] }>();
  return choices[0]!.message.content;
}

async function firstTokenMs(url: string, model: string): Promise<number> {
  const prompt = Array.from({ length: 16 }, (_, i) => 300 + i * 7);
  await (await fetch(`${url}/healthz`)).text();
  const startedAt = performance.now();
  await (await ask(url, 'completions', { model, prompt, max_tokens: 1 })).text();
  return performance.now() - startedAt;
}

async function piecesOf(persist: string, id: string) {
  const bucket = await openLocalBucket(modelsBucketName(), persist);
  try {
    let pieces: readonly { readonly isolate: number; readonly bytes: number }[] = [];
    await changePlacement(bucket, (placement) => {
      pieces = placement.models.find((model) => model.id === id)!.replicas[0]!.pieces;
      return placement;
    });
    return pieces;
  } finally {
    await bucket.close();
  }
}

/**
 * Planned WebAssembly memory is what is allocated, and JavaScript is as the inspector counts it. Plans hold room
 * for frames and logits, too, which are counted twice by this: the sum is an upper bound.
 */
async function bytesOfIsolates(
  server: RunningServer,
  persist: string,
  id: string,
): Promise<number[]> {
  const bytes: number[] = [];
  for (const piece of await piecesOf(persist, id)) {
    const script = piece.isolate === 0 ? 'thimble-stage core' : `thimble-stage-${piece.isolate} `;
    const heap = await scriptHeap(server, script);
    const outside = (heap.embedderHeapUsedSize ?? 0) + (heap.backingStorageSize ?? 0);
    bytes.push(piece.bytes + heap.totalSize + outside);
  }
  return bytes;
}

/** Pushes a version that differs in nothing but its manifest, which is a version of its own. */
async function changeVersion(
  url: string,
  id: string,
  persist: string,
  note: (text: string) => void,
): Promise<FleetBench['change']> {
  const expected = await complete(url, id, PROMPTS[1]!);
  let [requests, failed, across, wrong] = [0, 0, 0, 0];
  let changedAt = 0;
  let isOver = false;
  const stream = async (): Promise<void> => {
    while (!isOver) {
      const startedAt = performance.now();
      requests++;
      try {
        if ((await complete(url, id, PROMPTS[1]!)) !== expected) wrong++;
      } catch (error) {
        note(String(error));
        failed++;
      }
      if (changedAt > startedAt) across++;
    }
  };
  const streams = Array.from({ length: STREAMS }, stream);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  await pushCopy(id, persist);
  changedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  isOver = true;
  await Promise.all(streams);
  return { requests, failed, across, wrong };
}

async function pushCopy(id: string, persist: string): Promise<void> {
  await withTemporaryFolder('fleet-copy', async (root) => {
    const from = join(modelsDir(), id);
    const { manifest } = await readImported(from, id);
    const dir = join(root, id);
    await cp(from, dir, { recursive: true });
    const path = join(dir, 'manifest.json');
    const text = JSON.stringify({ ...manifest, name: `${manifest.name}, again` });
    await writeFile(path, `${text}\n`);
    const bucket = await openLocalBucket(modelsBucketName(), persist);
    try {
      await pushModel(id, { bucket, modelsRoot: root });
      await placeModel(bucket, manifest, versionOf(await readFile(path, 'utf8')));
    } finally {
      await bucket.close();
    }
  });
}

export function describeFleet(b: FleetBench): string {
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  return [
    `${b.model} in ${b.isolates} isolates, against one large isolate`,
    `  greedy texts of ${b.prompts} prompts, ${b.tokens} tokens each: ${b.different} differ`,
    `  first token with nothing loaded: ${(b.coldMs.pool / 1000).toFixed(2)} s (one isolate ${(b.coldMs.large / 1000).toFixed(2)} s)`,
    `  memory of each isolate: ${b.isolateBytes.map(mb).join(', ')}`,
    `  a new version under load: ${b.change.requests} requests, ${b.change.failed} failed, ${b.change.across} across the change, ${b.change.wrong} wrong`,
    '',
  ].join('\n');
}
