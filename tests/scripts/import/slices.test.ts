/** Tables of the vocabulary in slices of rows: the model computes what it computes when they are whole. */
import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { archTensors } from '../../../engine/archs/index.ts';
import { LLAMA } from '../../../engine/archs/decoders/llama.ts';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import type { ModelConfig, WeightedManifest } from '../../../engine/manifest/manifest.ts';
import { sourceBytes } from '../../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../../engine/formats/source-dtypes.ts';
import { Engine } from '../../../engine/generate/engine.ts';
import { loadKernelModules } from '../../../scripts/node-host/kernels.ts';
import { FileModelSource } from '../../../scripts/node-host/model-files.ts';
import type { ImportResult } from '../../../scripts/import/import-model.ts';
import { expectWholeFolder, failure, outRoot, put, run } from '../../support/import-folder.ts';
import { engineLogits } from '../../support/logits.ts';
import {
  blockTwins,
  ggufOf,
  randomConfig,
  randomTokens,
  writtenTensor,
} from '../../support/random-llama.ts';
import { plannedManifest, SMOLLM2_CONFIG } from '../../support/planned-manifest.ts';
import { TINY_CONFIG } from '../../support/tiny-llama.ts';

const SLICES = { above: 10_000, target: 8_000 };

interface Case {
  readonly title: string;
  readonly config: Partial<ModelConfig>;
  readonly table: SourceDtype;
  readonly head?: SourceDtype;
}
const CASES: readonly Case[] = [
  { title: 'tied, 8 bits', config: { tiedHead: true }, table: 'Q8_0' },
  { title: 'tied, a multiplier for each row', config: { tiedHead: true }, table: 'Q4_0' },
  { title: 'untied, of two types', config: {}, table: 'Q5_0', head: 'Q8_0' },
  { title: 'untied, floats', config: {}, table: 'F16' },
];

async function logitsOf({ folder, manifest }: ImportResult) {
  const source = new FileModelSource(folder, requireKind(manifest, 'decoder'));
  const engine = await Engine.load(source, await loadKernelModules(), { memoryBudgetBytes: null });
  const logits = await engineLogits(engine, randomTokens(40));
  engine.close();
  return logits;
}

/** What was lost of each tensor, by name. */
function losses({ reports }: ImportResult): [string, number][] {
  return [...reports]
    .map(([name, { inexactBlocks }]): [string, number] => [name, inexactBlocks])
    .sort();
}

/** First row and number of rows of each slice of a tensor. */
function rowsOf({ tensors }: WeightedManifest, name: string): [number | undefined, number][] {
  return tensors.filter((row) => row.name === name).map((row) => [row.firstRow, row.shape[0]]);
}

describe.each(CASES)('$title', ({ config: changes, table, head = table }) => {
  const config = randomConfig(changes);
  const { blocks } = blockTwins(config, (name) =>
    name === 'tokEmbd' ? table : name === 'head' ? head : 'Q8_0',
  );

  it('gives the same logits to the bit, and every slice has a shard of its own', async () => {
    const path = await put('random.gguf', blocks);
    const whole = await run(path, { id: 'whole' });
    const sliced = await run(path, { id: 'sliced', slices: SLICES });
    await expectWholeFolder(sliced.folder, sliced.manifest);
    const rows = rowsOf(sliced.manifest, 'tokEmbd');
    expect(rows.length).toBeGreaterThan(1);
    expect(rowsOf(sliced.manifest, 'head')).toEqual(config.tiedHead ? [] : rows);
    expect(rows.reduce((sum, [, nRow]) => sum + nRow, 0)).toBe(config.nVocab);
    const byShard = Map.groupBy(sliced.manifest.tensors, ({ shard }) => shard);
    for (const tensors of byShard.values())
      if (tensors.some(({ firstRow }) => firstRow !== undefined)) expect(tensors).toHaveLength(1);
    for (const { firstRow, bytes } of sliced.manifest.tensors)
      if (firstRow !== undefined) expect(bytes).toBeLessThanOrEqual(SLICES.target);
    expect(losses(sliced)).toEqual(losses(whole));
    expect(await logitsOf(sliced)).toEqual(await logitsOf(whole));
  });
});

it('keeps tables in one piece below the limit, and cuts both above it', () => {
  const types = { table: 'Q8_0', layers: 'Q4_1' } as const;
  const small = plannedManifest(SMOLLM2_CONFIG, 'lossless', types);
  expect(rowsOf(small, 'tokEmbd')).toEqual([[undefined, SMOLLM2_CONFIG.nVocab]]);
  const config = { ...SMOLLM2_CONFIG, nVocab: 60_000, tiedHead: false };
  const large = plannedManifest(config, 'lossless', types);
  expect(rowsOf(large, 'tokEmbd').length).toBe(5);
  expect(rowsOf(large, 'head')).toEqual(rowsOf(large, 'tokEmbd'));
});

it('refuses a matrix of a layer that is larger than a shard before anything is written', async () => {
  const config = randomConfig({
    nLayer: 1,
    nEmbd: 256,
    nFf: 256,
    nHead: 242,
    nKvHead: 1,
    headDim: 1024,
  });
  // 2 bits in the file are 8 where they have no layout of their own.
  const tensors = archTensors(LLAMA, config)
    .filter(({ required }) => required)
    .map((instance) => {
      const nValue = instance.shape[0] * instance.shape[1];
      const dtype = nValue > 1_000_000 ? 'Q2_K' : 'F32';
      return writtenTensor(instance, dtype, new Uint8Array(sourceBytes(dtype, nValue)));
    });
  const path = await put('wide.gguf', ggufOf(config, tensors));
  const error = await failure(run(path, { nThread: 2 }));
  expect(error.code).toBe('E_MEMORY_BUDGET');
  expect(error.message).toContain(
    'layers.0.qProj as q8 takes 67403776 bytes; expected at most 67108864',
  );
  expect(await readdir(outRoot())).toEqual([]);
});

it('refuses such a matrix by its plan, with the numbers', async () => {
  const config = { ...TINY_CONFIG, nEmbd: 4096, nFf: 65_536 };
  const types = { table: 'F16', layers: 'F16' } as const;
  const plan = (async () => plannedManifest(await Promise.resolve(config), 'lossless', types))();
  const error = await failure(plan);
  expect(error.code).toBe('E_MEMORY_BUDGET');
  expect(error.message).toContain(
    'layers.0.gateProj as f16 takes 536870912 bytes; expected at most 67108864',
  );
});
