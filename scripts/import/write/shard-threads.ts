/** Shards written in several threads: encoding keeps a core busy, and shards do not depend on each other. */
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { EngineError, errorFromRecord } from '../../../engine/base/errors.ts';
import type { ShardEntry } from './journal.ts';
import type { Failure, FromThread, SentShard, ToThread } from './shard-messages.ts';
import type { PlannedShard } from './shard-plan.ts';

/** Beside this file, as a source or as a bundle. */
const THREAD_FILE = join(import.meta.dirname, `shard-thread${extname(import.meta.filename)}`);
/** Shards a thread works at: one is encoded while another waits for the disk. */
const SHARDS_AT_ONCE = 2;

export interface ThreadedWork {
  readonly folder: string;
  readonly shards: readonly PlannedShard[];
  readonly nThread: number;
  /** Called with the bytes of the source that were encoded; what it throws ends the work. */
  readonly onSourceBytes: (bytes: number) => void;
  /** Called for each shard that is on the disk, in any order. */
  readonly onEntry: (entry: ShardEntry) => void;
}

/** Begins the shards in their order; when it returns or throws, no thread writes any more. */
export async function writeInThreads(work: ThreadedWork): Promise<void> {
  const { shards, nThread, onEntry } = work;
  const queue = shards.values();
  const threads = Array.from({ length: nThread }, () => new ShardThread(work));
  const drain = async (thread: ShardThread): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next())
      onEntry(await thread.write(next.value));
  };
  try {
    const slots = threads.flatMap((thread) => Array<ShardThread>(SHARDS_AT_ONCE).fill(thread));
    await Promise.all(slots.map(drain));
  } finally {
    await Promise.all(threads.map((thread) => thread.close()));
  }
}

interface PendingShard {
  readonly shard: PlannedShard;
  readonly resolve: (entry: ShardEntry) => void;
  readonly reject: (error: unknown) => void;
}

class ShardThread {
  readonly #folder: string;
  readonly #onSourceBytes: (bytes: number) => void;
  readonly #worker = new Worker(THREAD_FILE);
  /** By the shard's file. */
  readonly #pending = new Map<string, PendingShard>();
  /** Why the thread takes no more shards. */
  #failure: Error | null = null;

  constructor({ folder, onSourceBytes }: ThreadedWork) {
    this.#folder = folder;
    this.#onSourceBytes = onSourceBytes;
    this.#worker.on('message', (message: FromThread) => void this.#receive(message));
    this.#worker.on('error', (cause) => this.#fail(cause));
    this.#worker.on('exit', (code) =>
      this.#fail(new EngineError('E_INTERNAL', `import: a thread ended with code ${code}.`)),
    );
  }

  write(shard: PlannedShard): Promise<ShardEntry> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) return reject(this.#failure);
      this.#pending.set(shard.file, { shard, resolve, reject });
      this.#send({ kind: 'write', folder: this.#folder, shard: sent(shard) });
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  async #receive(message: FromThread): Promise<void> {
    try {
      switch (message.kind) {
        case 'read':
          return await this.#read(message);
        case 'encoded':
          return this.#onSourceBytes(message.sourceBytes);
        case 'written':
          return this.#take(message.entry.file)?.resolve(message.entry);
        case 'failed':
          return this.#take(message.file)?.reject(errorOf(message.failure));
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  async #read({ readId, file, tensor, offset, length }: ReadRequest): Promise<void> {
    const source = this.#pending.get(file)?.shard.tensors[tensor]?.tensor.source;
    if (source === undefined) return;
    const bytes = await source.read(offset, length);
    const isAlone = bytes.byteLength === bytes.buffer.byteLength;
    this.#send({ kind: 'data', readId, bytes }, isAlone ? [bytes.buffer as ArrayBuffer] : []);
  }

  #send(message: ToThread, transferred: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transferred);
  }

  #take(file: string): PendingShard | undefined {
    const pending = this.#pending.get(file);
    this.#pending.delete(file);
    return pending;
  }

  #fail(error: unknown): void {
    const failure = error instanceof Error ? error : new Error(String(error));
    this.#failure ??= failure;
    for (const { reject } of this.#pending.values()) reject(failure);
    this.#pending.clear();
  }
}

type ReadRequest = Extract<FromThread, { kind: 'read' }>;

/** Plain data of a shard: functions cannot be sent. */
function sent(shard: PlannedShard): SentShard {
  const tensors = shard.tensors.map((planned) => {
    const { source, ...tensor } = planned.tensor;
    const { name, bytes } = source;
    return { ...planned, tensor: { ...tensor, source: { name, bytes } } };
  });
  return { ...shard, tensors };
}

function errorOf(failure: Failure): Error {
  return failure.kind === 'engine'
    ? errorFromRecord(failure.record)
    : Object.assign(new Error(failure.message), { code: failure.code });
}
