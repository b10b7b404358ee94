/**
 * ModelSource over R2: reads whole shards by ranges, through one small buffer into place. Checks
 * lengths, not hashes: the engine's loader does that. Knows nothing of what the bytes mean.
 */
import { EngineError } from '../../engine/base/errors.ts';
import type { WeightedManifest, ShardRow } from '../../engine/manifest/manifest.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import { retryWeights } from '../platform/model-files.ts';
import { modelKey } from '../platform/model-keys.ts';

/** Size of a BYOB read. Measured: a larger buffer is no faster, the default reader four times slower. */
const READ_BYTES = 1024 * 1024;

export class R2Source<M extends WeightedManifest> implements ModelSource<M> {
  readonly manifest: M;
  readonly #bucket: R2Bucket;

  constructor(bucket: R2Bucket, manifest: M) {
    this.#bucket = bucket;
    this.manifest = manifest;
  }

  /** @throws {EngineError} E_WEIGHTS_FETCH naming the shard. */
  async readShard(index: number, into: Uint8Array): Promise<void> {
    const shard = this.manifest.shards[index];
    if (shard === undefined) throw new RangeError(`shard ${index} is not in the manifest`);
    const key = modelKey(this.manifest.id, shard);
    let done = 0;
    // An interrupted read resumes where it stopped.
    await retryWeights(key, async () => {
      await this.#readFrom(key, shard, into, done, (bytes) => (done += bytes));
      if (done < into.length) throw new Error(`ended after ${done} of ${into.length} bytes`);
    });
  }

  async #readFrom(
    key: string,
    shard: ShardRow,
    into: Uint8Array,
    offset: number,
    onRead: (bytes: number) => void,
  ): Promise<void> {
    const object = await this.#bucket.get(key, { range: { offset } });
    if (object === null) throw missingShard(key, shard);
    if (object.size !== shard.bytes) {
      await object.body.cancel();
      throw wrongSize(key, shard, object.size);
    }
    const reader = object.body.getReader({ mode: 'byob' });
    let buffer = new Uint8Array(READ_BYTES);
    let at = offset;
    while (at < into.length) {
      const { value, done } = await reader.read(buffer);
      if (value !== undefined) {
        into.set(value, at);
        at += value.length;
        onRead(value.length);
        buffer = new Uint8Array(value.buffer);
      }
      if (done) return;
    }
    await reader.cancel();
  }
}

function missingShard(key: string, shard: ShardRow): EngineError {
  return new EngineError(
    'E_WEIGHTS_FETCH',
    `storage: shard ${shard.file} is missing (${key}). Push the model again.`,
    { details: { shard: shard.file, key } },
  );
}

function wrongSize(key: string, shard: ShardRow, got: number): EngineError {
  return new EngineError(
    'E_WEIGHTS_HASH',
    `storage: shard ${shard.file}; expected ${shard.bytes} bytes, got ${got} (${key}). ` +
      'The stored file is damaged: push the model again.',
    { details: { shard: shard.file, expectedBytes: shard.bytes, gotBytes: got } },
  );
}
