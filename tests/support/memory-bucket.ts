/** A bucket in this process, for tests of what is written and in which order. */
import type { Bucket } from '../../scripts/push/bucket.ts';

export interface MemoryBucket extends Bucket {
  readonly objects: Map<string, string>;
}

export function memoryBucket(): MemoryBucket {
  const objects = new Map<string, string>();
  return {
    objects,
    label: 'memory',
    head: (key) => {
      const text = objects.get(key);
      return Promise.resolve(text === undefined ? null : { bytes: text.length, sha256: null });
    },
    getText: (key) => Promise.resolve(objects.get(key) ?? null),
    getBytes: (key) => {
      const text = objects.get(key);
      return Promise.resolve(
        text === undefined ? null : new Uint8Array(new TextEncoder().encode(text)),
      );
    },
    put: (key, bytes) => {
      objects.set(key, new TextDecoder().decode(bytes));
      return Promise.resolve();
    },
    putIfSame: (key, bytes, _sha256, expected) => {
      if ((objects.get(key) ?? null) !== expected) return Promise.resolve(false);
      objects.set(key, new TextDecoder().decode(bytes));
      return Promise.resolve(true);
    },
    delete: (key) => {
      objects.delete(key);
      return Promise.resolve();
    },
    listModelIds: () => {
      const found = [...objects.keys()].map((key) => /^models\/([^/]+)\/manifest\.json$/.exec(key));
      return Promise.resolve(found.flatMap((match) => (match === null ? [] : [match[1]!])).sort());
    },
    listKeys: (prefix) =>
      Promise.resolve([...objects.keys()].filter((key) => key.startsWith(prefix))),
    close: () => Promise.resolve(),
  };
}
