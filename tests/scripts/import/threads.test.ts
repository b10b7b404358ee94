/** Shards encoded in threads: the bytes, errors and leftovers are those of an import in one thread. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeGguf } from '../../support/gguf-writer.ts';
import { expectWholeFolder, failure, outRoot, put, run } from '../../support/import-folder.ts';
import {
  TINY_CONFIG,
  tinyGgufMetadata,
  tinyGgufTensors,
  tinyTensors,
} from '../../support/tiny-llama.ts';

/** Eight shards. */
const CONFIG = {
  ...TINY_CONFIG,
  nEmbd: 256,
  nHead: 4,
  nKvHead: 4,
  headDim: 64,
  nFf: 2048,
  nLayer: 7,
};
const tensors = () => tinyTensors(CONFIG);
const gguf = (of = tensors()) =>
  writeGguf({ metadata: tinyGgufMetadata(CONFIG), tensors: tinyGgufTensors(of) });

test('gives the bytes of one thread', async () => {
  const path = await put('big.gguf', gguf());
  const one = await run(path, { id: 'one', preset: 'q6', nThread: 0 });
  const two = await run(path, { id: 'two', preset: 'q6', nThread: 2 });
  await expectWholeFolder(two.folder, two.manifest);
  expect(two.manifest.shards).toEqual(one.manifest.shards);
  expect(two.manifest.tensors).toEqual(one.manifest.tensors);
  expect(two.manifest.sourceSha256).toBe(one.manifest.sourceSha256);
  expect(new Map([...two.reports].sort())).toEqual(new Map([...one.reports].sort()));
});

test('an import that was cut off goes on', async () => {
  const path = await put('big.gguf', gguf());
  const whole = await run(path, { id: 'whole', nThread: 2 });
  const stop = new AbortController();
  const journal = join(outRoot(), 'tiny.partial', 'progress.json');
  const error = await failure(
    run(path, {
      nThread: 2,
      signal: stop.signal,
      onProgress: () => existsSync(journal) && stop.abort(),
    }),
  );
  expect(error.code).toBe('E_ABORTED');
  expect((await readdir(outRoot())).sort()).toEqual(['tiny.partial', 'whole']);
  const resumed = await run(path, { nThread: 2 });
  expect(resumed.keptShards).toBeGreaterThan(0);
  expect(resumed.manifest.shards).toEqual(whole.manifest.shards);
  expect(resumed.manifest.tensors).toEqual(whole.manifest.tensors);
  await expectWholeFolder(resumed.folder, resumed.manifest);
});

test('an import that is stopped at once leaves no thread and no error behind', async () => {
  const path = await put('big.gguf', gguf());
  const stop = new AbortController();
  const onProgress = () => stop.abort();
  const error = await failure(run(path, { nThread: 2, signal: stop.signal, onProgress }));
  expect(error.code).toBe('E_ABORTED');
  const { keptShards } = await run(path, { nThread: 2 });
  expect(keptShards).toBe(0);
});

test('an error of a thread is the error of the import', async () => {
  const broken = tensors();
  broken.find(({ instance }) => instance.name === 'layers.5.upProj')!.values[5] = NaN;
  const path = await put('broken.gguf', gguf(broken));
  const [one, two] = [
    await failure(run(path, { preset: 'q6', nThread: 0 })),
    await failure(run(path, { preset: 'q6', nThread: 2 })),
  ];
  expect(two.code).toBe('E_FORMAT_INVALID');
  expect(two).toMatchObject({ code: one.code, message: one.message, details: one.details });
});

test.skipIf(!existsSync('/dev/full'))('a full disk says so', async () => {
  await mkdir(join(outRoot(), 'tiny.partial'), { recursive: true });
  await symlink('/dev/full', join(outRoot(), 'tiny.partial', 'shard-0003.bin'));
  const error = await failure(run(await put('big.gguf', gguf()), { nThread: 2 }));
  expect(error.code).toBe('E_DISK');
  expect(error.message).toContain('the disk is full');
  expect(await readdir(outRoot())).toEqual(['tiny.partial']);
});
