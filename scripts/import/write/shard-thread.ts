/** Runs in a thread: encodes and writes the shards it is sent. */
import { parentPort } from 'node:worker_threads';
import { EngineError, errorToRecord } from '../../../engine/base/errors.ts';
import type { Failure, FromThread, SentShard, ToThread } from './shard-messages.ts';
import type { PlannedShard } from './shard-plan.ts';
import { writeShard } from './write-shard.ts';

const port = parentPort;
if (port === null) throw new Error('shard-thread.ts runs in a worker thread only');

const reads = new Map<number, (bytes: Uint8Array) => void>();
let nRead = 0;

const tell = (message: FromThread): void => port.postMessage(message);

port.on('message', (message: ToThread) => {
  if (message.kind === 'data') {
    reads.get(message.readId)?.(message.bytes);
    reads.delete(message.readId);
  } else void write(message.folder, message.shard);
});

async function write(folder: string, sent: SentShard): Promise<void> {
  try {
    const entry = await writeShard(folder, withSources(sent), (sourceBytes) =>
      tell({ kind: 'encoded', sourceBytes }),
    );
    tell({ kind: 'written', entry });
  } catch (error) {
    tell({ kind: 'failed', file: sent.file, failure: asFailure(error) });
  }
}

function withSources(sent: SentShard): PlannedShard {
  const tensors = sent.tensors.map((planned, index) => {
    const read = (offset: number, length: number) =>
      new Promise<Uint8Array>((resolve) => {
        const readId = nRead++;
        reads.set(readId, resolve);
        tell({ kind: 'read', readId, file: sent.file, tensor: index, offset, length });
      });
    const { tensor } = planned;
    return { ...planned, tensor: { ...tensor, source: { ...tensor.source, read } } };
  });
  return { ...sent, tensors };
}

function asFailure(error: unknown): Failure {
  if (!(error instanceof EngineError) && error instanceof Error && 'code' in error)
    return { kind: 'system', code: String(error.code), message: error.message };
  return { kind: 'engine', record: errorToRecord(error) };
}
