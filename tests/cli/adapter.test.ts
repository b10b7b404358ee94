/**
 * Adapters from the command line: added, listed, merged, removed; what does not fit refused.
 * @module-tag slow
 */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writePeftPrefix } from '../../engine/adapters/prefix.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import { Engine } from '../../engine/generate/engine.ts';
import { loadKernelModules } from '../../scripts/node-host/kernels.ts';
import { FileModelSource } from '../../scripts/node-host/model-files.ts';
import { readImported } from '../../scripts/push/push.ts';
import {
  ggufPath,
  goldenLogits,
  largestGap,
  peftFolder,
  writeBaseFolder,
} from '../support/adapter-fixtures.ts';
import { prefixOf } from '../support/trained-prefix.ts';
import { runThimble } from '../support/program.ts';
import type { Ended } from '../support/program.ts';

const BASE = 'golden';
/** Merged weights are bf16, as those of the base. Measured: 6.9e-2 where the adapter changes logits by up to 5.5. */
const MERGED_DIFFERENCE = 0.2;

let home = '';
let work = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-adapter-'));
  work = join(home, 'work');
  await writeBaseFolder(join(work, BASE));
  for (const args of [
    ['import', join(work, BASE), '--id', BASE, '--preset', 'lossless'],
    ['push', BASE],
  ])
    expect(await thimble(...args)).toMatchObject({ code: 0 });
});
afterAll(() => rm(home, { recursive: true, force: true }));

function thimble(...args: string[]): Promise<Ended> {
  return runThimble(args, { home });
}

async function json<T>(...args: string[]): Promise<T> {
  const ended = await thimble(...args, '--json');
  expect(ended).toMatchObject({ code: 0 });
  return JSON.parse(ended.stdout) as T;
}

test('adds, lists, replaces and removes', async () => {
  const about = ['--licence', 'mit', '--source', 'https://example.com/support'];
  const added = await json<object>(
    'adapter',
    'add',
    `${BASE}:support`,
    peftFolder('all'),
    ...about,
  );
  expect(added).toMatchObject({ base: BASE, name: 'support', rank: 4, licence: 'mit' });
  expect(await thimble('adapter', 'add', `${BASE}:late`, ggufPath('activated'))).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/golden:late: rank 8, activated, .* in local R2/) as string,
  });
  const replaced = ['adapter', 'add', `${BASE}:support`, peftFolder('patterns')];
  expect(await thimble(...replaced)).toMatchObject({ code: 0 });
  const { adapters } = await json<{ adapters: { name: string; source: string }[] }>(
    'adapter',
    'ls',
  );
  expect(adapters.map(({ name, source }) => [name, source])).toEqual([
    ['late', 'file:activated.gguf'],
    ['support', 'file:patterns'],
  ]);
  expect((await thimble('adapter', 'ls', BASE)).stdout).toMatch(
    /golden:support +4 +downProj qProj/,
  );
  for (const name of ['support', 'late'])
    expect(await thimble('adapter', 'rm', `${BASE}:${name}`)).toMatchObject({ code: 0 });
  expect((await thimble('adapter', 'ls')).stdout).toMatch(/no adapters yet/);
});

test('merges into a model of its own', async () => {
  await json('adapter', 'add', `${BASE}:all`, peftFolder('all'), '--licence', 'mit');
  const out = join(home, 'data', 'models', 'merged');
  await json('adapter', 'merge', `${BASE}:all`, '--out', out);
  const manifest = requireKind((await readImported(out, 'merged')).manifest, 'decoder');
  expect(manifest).toMatchObject({ id: 'merged', sourceSha256: null });
  const source = new FileModelSource(out, manifest);
  const engine = await Engine.load(source, await loadKernelModules(), { memoryBudgetBytes: null });
  const { tokens, logits } = await goldenLogits();
  const seen: Float32Array[] = [];
  await engine.evaluate(tokens, (_position, row) => seen.push(row.slice()));
  expect(largestGap(logits['base']!, logits['all']!)).toBeGreaterThan(1);
  expect(largestGap(logits['all']!, seen)).toBeLessThan(MERGED_DIFFERENCE);
  expect(await thimble('push', 'merged')).toMatchObject({ code: 0 });
  const again = await thimble('adapter', 'merge', `${BASE}:all`, '--out', out);
  expect(again).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/model merged exists already/) as string,
  });
  await json('adapter', 'add', `${BASE}:late`, peftFolder('activated'));
  expect((await thimble('adapter', 'merge', `${BASE}:late`, '--out', `${out}-2`)).stderr).toMatch(
    /applies after its invocation tokens only.*\[E_ADAPTER_UNSUPPORTED\]/,
  );
});

test('adds a trained prefix, lists it with its positions, and merges none', async () => {
  const source = new FileModelSource(
    join(home, 'data', 'models', BASE),
    requireKind((await readImported(join(home, 'data', 'models', BASE), BASE)).manifest, 'decoder'),
  );
  const prefix = await prefixOf(source, [1, 5, 9, 13, 17]);
  const folder = join(home, 'prefix');
  const { config, weights } = writePeftPrefix(prefix, source.manifest);
  await mkdir(folder);
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'adapter_model.safetensors'), weights);
  expect(await thimble('adapter', 'add', `${BASE}:handbook`, folder)).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/golden:handbook: prefix of 5, .* in local R2/) as string,
  });
  expect((await thimble('adapter', 'ls', BASE)).stdout).toMatch(
    /golden:handbook +- .*prefix of 5 tokens/,
  );
  const merge = await thimble('adapter', 'merge', `${BASE}:handbook`, '--out', join(home, 'no'));
  expect(merge.stderr).toMatch(/is a trained prefix, .*\[E_ADAPTER_UNSUPPORTED\]/);
});

describe('refused', () => {
  test.each([
    [['add', 'no-colon', '.'], /"no-colon"; expected BASE:NAME/],
    [['add', `${BASE}:latest`, '.'], /NAME is not "latest"/],
    [['add', `${BASE}:Upper`, '.'], /expected BASE:NAME/],
    [['add', `${BASE}:../x`, '.'], /expected BASE:NAME/],
    [['add', 'nothing:x', '.'], /no model "nothing" in local R2; expected one of: .*golden/],
    [['add', `${BASE}:x`, '/nowhere'], /\/nowhere cannot be opened/],
    [['rm', `${BASE}:nobody`], /no adapter "golden:nobody".*thimble adapter ls/],
    [['merge', `${BASE}:nobody`, '--out', 'x'], /no adapter "golden:nobody"/],
    [['ls', 'Not An Id'], /is not the id of a model/],
  ])('%j', async (args, message) => {
    const ended = await thimble('adapter', ...args);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(message);
  });

  test('files that hold no adapter', async () => {
    const folder = join(work, 'broken');
    await mkdir(folder, { recursive: true });
    const add = async () => (await thimble('adapter', 'add', `${BASE}:x`, folder)).stderr;
    expect(await add()).toMatch(/has no adapter_config\.json/);
    await writeFile(join(folder, 'adapter_config.json'), '{');
    expect(await add()).toMatch(/has no adapter_model\.safetensors/);
    await cp(
      join(peftFolder('all'), 'adapter_model.safetensors'),
      join(folder, 'adapter_model.safetensors'),
    );
    expect(await add()).toMatch(/adapter_config\.json: broken JSON/);
    await writeFile(join(folder, 'adapter_config.json'), '{"peft_type":"LORA","use_dora":true}');
    expect(await add()).toMatch(/use_dora is true; expected false.*\[E_ADAPTER_UNSUPPORTED\]/);
  });
});
