import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, symlink, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeGguf } from '../../support/gguf-writer.ts';
import {
  expectTinyWeights,
  expectWholeFolder,
  failure,
  outRoot,
  put,
  readWeights,
  run,
} from '../../support/import-folder.ts';
import {
  TINY_CONFIG,
  tinyGguf,
  tinyGgufMetadata,
  tinyGgufTensors,
  tinyTensors,
} from '../../support/tiny-llama.ts';

describe('cut off, full, twice', () => {
  /** Several shards, so that a cut has something before and behind it. */
  const big = {
    ...TINY_CONFIG,
    nEmbd: 256,
    nHead: 4,
    nKvHead: 4,
    headDim: 64,
    nFf: 2048,
    nLayer: 3,
  };
  const bigGguf = () =>
    writeGguf({ metadata: tinyGgufMetadata(big), tensors: tinyGgufTensors(tinyTensors(big)) });

  /** Runs an import that stops when half of its bytes are done. */
  async function cutOff(path: string): Promise<void> {
    const stop = new AbortController();
    const error = await failure(
      run(path, {
        signal: stop.signal,
        onProgress: ({ done, total }) => {
          if (total !== null && done > total * 0.8) stop.abort();
        },
      }),
    );
    expect(error.code).toBe('E_ABORTED');
    expect(await readdir(outRoot())).toEqual(['tiny.partial']);
  }

  test('an import that was cut off goes on, and gives what an uncut one gives', async () => {
    const path = await put('big.gguf', bigGguf());
    const whole = await run(path, { id: 'whole' });
    expect(whole.manifest.shards.length).toBeGreaterThan(2);
    expect(whole.manifest.shards.map(({ layers }) => layers)).toEqual([
      null,
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
    await rm(whole.folder, { recursive: true });
    await cutOff(path);
    const resumed = await run(path);
    expect(resumed.keptShards).toBeGreaterThan(0);
    expect(resumed.keptShards).toBeLessThan(whole.manifest.shards.length);
    expect(resumed.manifest.shards).toEqual(whole.manifest.shards);
    expect(resumed.manifest.tensors).toEqual(whole.manifest.tensors);
    await expectWholeFolder(resumed.folder, resumed.manifest);
    expect(await readdir(outRoot())).toEqual(['tiny']);
  });

  test('kept shards that were damaged, or of another file, are written again', async () => {
    const path = await put('big.gguf', bigGguf());
    await cutOff(path);
    await truncate(join(outRoot(), 'tiny.partial', 'shard-0000.bin'), 1000);
    const result = await run(path);
    await expectWholeFolder(result.folder, result.manifest);
    await rm(result.folder, { recursive: true });
    await cutOff(path);
    const other = await run(await put('tiny.gguf', tinyGguf()));
    expect(other.keptShards).toBe(0);
    await expectWholeFolder(other.folder, other.manifest);
    expectTinyWeights(await readWeights(other.folder));
  });

  test('a journal cut off in the middle starts over', async () => {
    const path = await put('big.gguf', bigGguf());
    await cutOff(path);
    await truncate(join(outRoot(), 'tiny.partial', 'progress.json'), 50);
    const result = await run(path);
    expect(result.keptShards).toBe(0);
    await expectWholeFolder(result.folder, result.manifest);
  });

  test('a model is replaced only by force', async () => {
    const path = await put('tiny.gguf', tinyGguf());
    await run(path);
    expect((await failure(run(path))).code).toBe('E_USAGE');
    const again = await run(path, { force: true, about: { name: 'Again', licence: 'MIT' } });
    expect(again.manifest).toMatchObject({ name: 'Again', licence: 'MIT' });
    expect(await readdir(outRoot())).toEqual(['tiny']);
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk says so and leaves no model', async () => {
    await mkdir(join(outRoot(), 'tiny.partial'), { recursive: true });
    await symlink('/dev/full', join(outRoot(), 'tiny.partial', 'shard-0000.bin'));
    const error = await failure(run(await put('tiny.gguf', tinyGguf())));
    expect(error.code).toBe('E_DISK');
    expect(error.message).toContain('the disk is full');
    expect(await readdir(outRoot())).toEqual(['tiny.partial']);
  });
});
