/** Parquet, a row group at a time, in a thread whose memory is bounded. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { isPackaged } from '../../lib/paths.ts';
import { invalidData } from '../problems.ts';
import type { DataRow } from '../row.ts';
import type { ParquetMessage } from './parquet-thread.ts';
import { asReadError, throwIfCut } from './pieces.ts';
import { rowOf } from './reader.ts';
import type { Reader, ReaderContext } from './reader.ts';

const THREAD_FILE = join(import.meta.dirname, `parquet-thread.${isPackaged ? 'js' : 'ts'}`);
/** Heap of the thread: a row group's values as JavaScript holds them. */
const MAX_HEAP_MB = 1536;

export const PARQUET_READER: Reader = { name: 'parquet', endings: ['parquet'], read };

async function* read(file: string, context: ReaderContext): AsyncGenerator<DataRow, void, void> {
  const { size } = await stat(file).catch((error: unknown) => {
    throw asReadError(error, file);
  });
  const worker = new Worker(THREAD_FILE, {
    workerData: { file },
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  let done = 0;
  let line = 0;
  try {
    for (;;) {
      throwIfCut(context.signal);
      const message = await ask(worker, file);
      if ('refused' in message)
        throw invalidData(`${file}: ${message.refused}. Write the Parquet file again.`);
      if ('end' in message) break;
      for (const fields of message.rows) {
        line++;
        const row = rowOf(fields, file, line, context);
        if (row !== null) yield row;
      }
      context.onBytes(size * message.part - done);
      done = size * message.part;
    }
  } finally {
    await worker.terminate();
  }
}

function ask(worker: Worker, file: string): Promise<ParquetMessage> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(
        'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? invalidData(
              `${file}: a row group takes more than ${MAX_HEAP_MB} MB unpacked. Write it with smaller row groups.`,
            )
          : error,
      );
    worker.once('error', fail);
    worker.once('message', (message: ParquetMessage) => {
      worker.off('error', fail);
      resolve(message);
    });
    worker.postMessage(null);
  });
}
