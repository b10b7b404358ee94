/** Kills a server again and again while it is written to, and compares what is there with what was acknowledged. */
import { NoAnswerError, KeyClient } from '../lib/key-client.ts';
import type { OwnServer } from '../dev/own-server.ts';
import type { Bucket } from '../push/bucket.ts';
import { createKey } from '../push/keys.ts';
import { SCOPES } from '../../worker/platform/caller.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { SeededRandom } from '../lib/seeded-random.ts';
import type { Writer, WriterContext } from './writer.ts';
import { BatchWriter } from './writers/batches.ts';
import { DocumentWriter } from './writers/documents.ts';
import { FileWriter } from './writers/files.ts';
import { KeyWriter } from './writers/keys.ts';
import { ResponseWriter } from './writers/responses.ts';
import { TurnWriter } from './writers/turns.ts';

export interface ChaosOptions {
  readonly kills: number;
  readonly seed: number;
  readonly textModel: string;
  /** Null: no documents are ingested. */
  readonly encoder: string | null;
  readonly onLine?: (line: string) => void;
}

export interface ChaosResult {
  readonly kills: number;
  readonly acknowledged: number;
  /** By kind of write. */
  readonly byKind: Readonly<Record<string, number>>;
  /** What was lost, is there twice or in half. */
  readonly problems: readonly string[];
  readonly seconds: number;
}

/** What each kill waits for: so many acknowledged writes, then some of the next. */
const WRITES_BEFORE_KILL = { min: 6, max: 20 } as const;
const MAX_DELAY_MS = 250;
/** A server that acknowledges nothing for this long is killed all the same. */
const MAX_WAIT_MS = 30_000;
const POLL_MS = 5;
const LINE_MS = 10_000;
/** One kill in so many takes the process beside the server, too, which writes keys. */
const BUCKET_KILL_PART = 0.15;
/** Bytes that the account keeps at most: more than the writers ever do. */
const STORAGE_BYTES = 1_000_000_000;
/** Writers of a kind. */
const COUNTS = { turns: 4, files: 2, batches: 1, documents: 2, responses: 2 } as const;

/** @throws {EngineError} E_INTERNAL when a request is answered by what no client should see */
export async function runChaos(
  server: OwnServer,
  { kills, seed, textModel, encoder, onLine = () => undefined }: ChaosOptions,
): Promise<ChaosResult> {
  const startMs = performance.now();
  const random = new SeededRandom(seed);
  const door = new BucketDoor(server);
  await door.open();
  try {
    const limits = { requestsPerMinute: null, tokensPerMinute: null, concurrency: 64 };
    const { key } = await createKey(door.bucket, {
      ...{ name: 'chaos', scopes: SCOPES, models: null, expiresAt: null },
      limits: { ...limits, tokensPerDay: null, usdPerDay: null, storageBytes: STORAGE_BYTES },
    });
    const writers = makeWriters(server, key, { random, textModel, encoder }, door);
    const problems: string[] = [];
    let lineMs = startMs;
    for (let i = 1; i <= kills; i++) {
      await writeAndKill(server, writers, random, door);
      await server.waitUntilUp();
      await door.reopen();
      const found = await checkAll(writers, false);
      problems.push(...found);
      const isDue = performance.now() - lineMs >= LINE_MS || i === kills;
      if (!isDue && found.length === 0) continue;
      onLine(lineOf(i, kills, writers, found));
      lineMs = performance.now();
    }
    problems.push(...(await checkAll(writers, true)));
    const byKind: Record<string, number> = {};
    for (const { name, nAcknowledged } of writers)
      byKind[name] = (byKind[name] ?? 0) + nAcknowledged;
    const seconds = Math.round((performance.now() - startMs) / 1000);
    return { kills, acknowledged: countOf(writers), byKind, problems, seconds };
  } finally {
    await door.close();
  }
}

function makeWriters(
  server: OwnServer,
  key: string,
  shared: Pick<WriterContext, 'random' | 'textModel' | 'encoder'>,
  door: BucketDoor,
): Writer[] {
  const client = new KeyClient(server.url, key);
  const make = (n: number, of: (context: WriterContext) => Writer): Writer[] =>
    Array.from({ length: n }, (_, number) => of({ ...shared, client, number }));
  return [
    ...make(COUNTS.turns, (context) => new TurnWriter(context)),
    ...make(COUNTS.files, (context) => new FileWriter(context)),
    ...make(COUNTS.batches, (context) => new BatchWriter(context)),
    ...make(shared.encoder === null ? 0 : COUNTS.documents, (c) => new DocumentWriter(c)),
    ...make(COUNTS.responses, (context) => new ResponseWriter(context)),
    new KeyWriter(server.url, shared.random, () => door.bucket),
  ];
}

/** All write at the same time, until the runtime is killed in the middle of it. */
async function writeAndKill(
  server: OwnServer,
  writers: readonly Writer[],
  random: SeededRandom,
  door: BucketDoor,
): Promise<void> {
  let isOver = false;
  const write = async (writer: Writer): Promise<void> => {
    try {
      while (!isOver) await writer.write();
    } catch (error) {
      const isCut = error instanceof NoAnswerError || (isOver && writer instanceof KeyWriter);
      if (!isCut) throw error;
    }
  };
  const running = Promise.all(writers.map(write));
  // A failure is thrown below, once the server was killed.
  running.catch(() => undefined);
  const wanted = countOf(writers) + random.integer(WRITES_BEFORE_KILL.min, WRITES_BEFORE_KILL.max);
  const endMs = performance.now() + MAX_WAIT_MS;
  while (countOf(writers) < wanted && performance.now() < endMs) await pause(POLL_MS);
  await pause(random.next() * MAX_DELAY_MS);
  const withBucket = random.chance(BUCKET_KILL_PART);
  const wasThere = await server.kill();
  isOver = true;
  if (withBucket) await door.kill();
  if (!wasThere)
    throw new EngineError('E_INTERNAL', 'chaos: the runtime had ended before it was killed.');
  await running;
}

async function checkAll(writers: readonly Writer[], all: boolean): Promise<string[]> {
  const found = await Promise.all(writers.map((writer) => writer.check(all)));
  return found.flat();
}

function countOf(writers: readonly Writer[]): number {
  return writers.reduce((sum, { nAcknowledged }) => sum + nAcknowledged, 0);
}

function lineOf(
  i: number,
  kills: number,
  writers: readonly Writer[],
  problems: readonly string[],
): string {
  const text = problems.length === 0 ? '' : `  WRONG: ${problems.join('; ')}`;
  return `kill ${i} of ${kills}: ${countOf(writers)} writes acknowledged${text}`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The bucket beside the server, whose process is killed now and then. */
class BucketDoor {
  readonly #server: OwnServer;
  #bucket: Bucket | null = null;
  #isGone = false;

  constructor(server: OwnServer) {
    this.#server = server;
  }

  get bucket(): Bucket {
    if (this.#bucket === null) throw new EngineError('E_INTERNAL', 'chaos: the bucket is closed.');
    return this.#bucket;
  }

  async open(): Promise<void> {
    this.#bucket = await this.#server.openBucket();
    this.#isGone = false;
  }

  async kill(): Promise<void> {
    this.#isGone = true;
    await this.#server.killOthers();
  }

  async reopen(): Promise<void> {
    if (!this.#isGone) return;
    await this.close();
    await this.open();
  }

  async close(): Promise<void> {
    await this.#bucket?.close();
    this.#bucket = null;
  }
}
