/** Reading shards from storage that gives little at a time, breaks off, or lies. */
import { expect, test } from 'vitest';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { seededRandom } from '../../support/random.ts';
import { STORAGE_ATTEMPTS } from '../../../worker/platform/storage/retry-storage.ts';
import { R2Source } from '../../../worker/stage/r2-source.ts';

const random = seededRandom(5);
const stored = Uint8Array.from({ length: 3_000_000 }, () => Math.floor(random() * 256));

const manifest = {
  id: 'test',
  shards: [
    {
      file: 'shard-0.bin',
      bytes: stored.length,
      sha256: '0123456789abcdef'.repeat(4),
      layers: null,
    },
  ],
} as unknown as DecoderManifest;

/** How one `get` behaves: how many bytes come at once, and after how many it fails. */
interface Behaviour {
  readonly chunkBytes: number;
  readonly failAfterBytes?: number;
  readonly size?: number;
}

/** The part of an R2 bucket that is used; the platform's, not ours. */
function bucketOf(behaviours: (Behaviour | 'missing' | 'throws')[]): {
  bucket: R2Bucket;
  offsets: number[];
} {
  const offsets: number[] = [];
  const get = (key: string, { range }: { range: { offset: number } }) => {
    expect(key).toBe('models/test/0123456789abcdef-shard-0.bin');
    offsets.push(range.offset);
    const behaviour = behaviours[Math.min(offsets.length, behaviours.length) - 1];
    if (behaviour === undefined || behaviour === 'missing') return Promise.resolve(null);
    if (behaviour === 'throws') return Promise.reject(new Error('R2 is down'));
    const body = streamOf(stored.subarray(range.offset), behaviour);
    return Promise.resolve({ size: behaviour.size ?? stored.length, body });
  };
  return { bucket: { get } as unknown as R2Bucket, offsets };
}

function streamOf(bytes: Uint8Array, { chunkBytes, failAfterBytes }: Behaviour): ReadableStream {
  let at = 0;
  const source: UnderlyingByteSource = {
    type: 'bytes',
    pull(controller: ReadableByteStreamController) {
      if (failAfterBytes !== undefined && at >= failAfterBytes) throw new Error('connection lost');
      controller.enqueue(bytes.slice(at, at + chunkBytes));
      at += chunkBytes;
      if (at >= bytes.length) controller.close();
    },
  };
  return new ReadableStream(source);
}

async function read(behaviours: (Behaviour | 'missing' | 'throws')[]) {
  const { bucket, offsets } = bucketOf(behaviours);
  const into = new Uint8Array(stored.length);
  let error: unknown = null;
  await new R2Source(bucket, manifest).readShard(0, into).catch((thrown: unknown) => {
    error = thrown;
  });
  return { into, offsets, error };
}

test('bytes land in place however few come at once', async () => {
  for (const chunkBytes of [997, 65_536, 5_000_000]) {
    const { into, offsets, error } = await read([{ chunkBytes }]);
    expect(error).toBeNull();
    expect(offsets).toEqual([0]);
    expect(into.every((byte, i) => byte === stored[i])).toBe(true);
  }
});

test('a read that breaks off goes on where it stopped', async () => {
  const { into, offsets, error } = await read([
    { chunkBytes: 100_000, failAfterBytes: 700_000 },
    'throws',
    { chunkBytes: 100_000 },
  ]);
  expect(error).toBeNull();
  expect(offsets).toEqual([0, 700_000, 700_000]);
  expect(into.every((byte, i) => byte === stored[i])).toBe(true);
});

test('storage that keeps failing ends in E_WEIGHTS_FETCH after its attempts', async () => {
  const { offsets, error } = await read(['throws']);
  expect(offsets).toHaveLength(STORAGE_ATTEMPTS);
  expect(error).toMatchObject({ code: 'E_WEIGHTS_FETCH' });
  expect(String(error)).toContain('R2 is down');
});

test('a missing shard is named', async () => {
  const { error } = await read(['missing']);
  expect(error).toMatchObject({ code: 'E_WEIGHTS_FETCH', details: { shard: 'shard-0.bin' } });
});

test('a shard of another size is refused at once', async () => {
  const { offsets, error } = await read([{ chunkBytes: 1000, size: stored.length + 1 }]);
  expect(offsets).toHaveLength(1);
  expect(error).toMatchObject({ code: 'E_WEIGHTS_HASH', details: { shard: 'shard-0.bin' } });
});
