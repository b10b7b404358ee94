/**
 * Late interaction of a tiny encoder of random weights beside what transformers and PyTorch make of the same files
 * (golden/tiny-late.json).
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { KernelBuild } from '../../engine/kernels/wasm/module.ts';
import { importModel } from '../../scripts/import/import-model.ts';
import { loadLocalEncoder } from '../../scripts/node-host/encoder.ts';
import { TINY_CONFIG, TINY_LATE, tinyEncoderGguf, writeTinyEncoder } from '../support/encoders.ts';
import { writeTinyLate } from '../support/encoders.ts';
import { temporaryFolder } from '../support/models.ts';

interface Golden {
  readonly passages: readonly (readonly number[])[];
  readonly rows: readonly {
    readonly query: readonly number[];
    readonly scores: readonly number[];
  }[];
}
const path = join(import.meta.dirname, '../golden/tiny-late.json');
const { passages, rows } = JSON.parse(readFileSync(path, 'utf8')) as Golden;
/** Six digits of the fixture, and sums of floats in another order. */
const BOUND = 5e-6;

type Write = (folder: string) => Promise<string>;
const asFolder: Write = async (folder) => {
  await writeTinyEncoder(folder);
  return folder;
};
const asGguf: Write = async (folder) => {
  const file = join(folder, 'tiny.gguf');
  await writeFile(file, tinyEncoderGguf());
  return file;
};

async function load(write: Write, build: KernelBuild = 'relaxed', withLate = true) {
  await using folder = await temporaryFolder();
  const input = await write(folder.path);
  const [outRoot, lateFolder] = [join(folder.path, 'models'), join(folder.path, 'late')];
  if (withLate) await writeTinyLate(lateFolder);
  await importModel({ input, id: 'tiny', outRoot, ...(withLate ? { lateFolder } : {}) });
  return await loadLocalEncoder('tiny', { kernelBuild: build }, outRoot);
}

const furthest = (got: readonly number[], want: readonly number[]) =>
  Math.max(...want.map((value, i) => Math.abs(value - got[i]!)));

test.each([
  ['a folder', asFolder, 'relaxed'],
  ['a folder', asFolder, 'simd'],
  ['a GGUF', asGguf, 'relaxed'],
] as const)('%s gives the scores of PyTorch, %s, %s build', async (_what, write, build) => {
  const { engine, manifest } = await load(write, build);
  expect(manifest.config.late).toEqual(TINY_LATE);
  for (const { query, scores } of rows)
    expect(furthest(await engine.interact(query, passages), scores)).toBeLessThan(BOUND);
});

test('the comparison bites: passages of another order, and a query without its end', async () => {
  const { engine } = await load(asFolder);
  const [{ query, scores }] = rows as [Golden['rows'][number]];
  expect(furthest(await engine.interact(query, passages.toReversed()), scores)).toBeGreaterThan(
    1000 * BOUND,
  );
  const cut = await engine.interact(query.slice(0, -1), passages);
  expect(furthest(cut, scores)).toBeGreaterThan(100 * BOUND);
});

test('a passage has the same score alone and beside hundreds', async () => {
  const { engine } = await load(asFolder);
  const [{ query }] = rows as [Golden['rows'][number]];
  const many = Array.from({ length: 300 }, (_, i) => passages[i % passages.length]!);
  const alone = await Promise.all(passages.map((passage) => engine.interact(query, [passage])));
  const beside = await engine.interact(query, many);
  for (const [i, score] of beside.entries()) expect(score).toBe(alone[i % passages.length]![0]);
});

test('vectors of texts are the same with and without vectors of tokens', async () => {
  const [withThem, without] = [await load(asFolder), await load(asFolder, 'relaxed', false)];
  expect(await withThem.engine.embed(passages)).toEqual(await without.engine.embed(passages));
});

test('refuses a model without them, ids and lengths it cannot read, and calls that were stopped', async () => {
  const [{ query }] = rows as [Golden['rows'][number]];
  const { engine: plain } = await load(asFolder, 'relaxed', false);
  await expect(plain.interact(query, passages)).rejects.toMatchObject({ code: 'E_MODEL_KIND' });
  const { engine } = await load(asFolder);
  const long = Array.from({ length: TINY_CONFIG.nCtx + 1 }, () => 5);
  await expect(engine.interact(long, passages)).rejects.toMatchObject({
    code: 'E_PROMPT_TOO_LONG',
  });
  await expect(engine.interact(query, [[TINY_CONFIG.nVocab]])).rejects.toMatchObject({
    code: 'E_REQUEST_INVALID',
  });
  await expect(engine.interact([], passages)).rejects.toMatchObject({ code: 'E_REQUEST_INVALID' });
  const stopped = AbortSignal.abort();
  await expect(engine.interact(query, passages, stopped)).rejects.toMatchObject({
    code: 'E_ABORTED',
  });
});

test('a damaged file of vectors is refused, one for another model is left alone', async () => {
  await using folder = await temporaryFolder();
  await writeTinyEncoder(folder.path);
  const [outRoot, lateFolder] = [join(folder.path, 'models'), join(folder.path, 'late')];
  await writeTinyLate(lateFolder);
  const file = join(lateFolder, 'late.safetensors');
  const text = readFileSync(file, 'latin1');
  const importWith = async (changed: string, id: string) => {
    await writeFile(file, changed, 'latin1');
    await importModel({ input: folder.path, id, outRoot, lateFolder });
    return (await loadLocalEncoder(id, {}, outRoot)).manifest.config.late;
  };
  const hash = /[0-9a-f]{64}/.exec(text)![0];
  expect(await importWith(text.replace(hash, '0'.repeat(64)), 'other')).toBeUndefined();
  await expect(
    importWith(text.replace('text_share', 'text_shard'), 'damaged'),
  ).rejects.toMatchObject({
    code: 'E_FORMAT_INVALID',
  });
});
