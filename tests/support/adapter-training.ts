/** Small stored decoders, and trainings of adapters on them. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LLAMA } from '../../engine/archs/decoders/llama.ts';
import { archTensors } from '../../engine/archs/index.ts';
import type { DecoderManifest, ModelConfig } from '../../engine/manifest/manifest.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import { unpackMatrix } from '../../engine/quant/layouts.ts';
import type { EyesShape } from '../../engine/train/eyes.ts';
import { type Target, TARGETS } from '../../engine/train/adapter/base.ts';
import {
  AdapterTraining,
  type Pass,
  type Shares,
} from '../../scripts/finetune/adapter-training.ts';
import { importModel } from '../../scripts/import/import-model.ts';
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';
import { FileModelSource } from '../../scripts/node-host/model-files.ts';
import { readImported } from '../../scripts/push/push.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import { randomValues } from './random.ts';
import type { PlainMatrix } from './jax-decoder.ts';
import { writeGguf } from './gguf-writer.ts';
import { TINY_CONFIG, tinyGgufMetadata, tinyGgufTensors, tinyTensors } from './tiny-llama.ts';

/** Odd widths, heads of eight values that share keys, more positions than a block of attention has. */
export const SMALL_CONFIG: ModelConfig = {
  ...TINY_CONFIG,
  ...{ nLayer: 2, nEmbd: 48, nHead: 6, nKvHead: 2, headDim: 8, ropeDim: 8, nFf: 68, nCtx: 128 },
};

/** Every message with its role's first letter, in a form that has no special tokens. */
export const SMALL_TEMPLATE =
  "{% for m in messages %}{{ m['role'][0] + ':' + m['content'] + eos_token + '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'a:' }}{% endif %}";

/** Imports such a decoder with a preset into a new folder of `root`. */
export async function smallBase(
  root: string,
  preset: string,
  changes: Partial<ModelConfig> = {},
): Promise<ModelSource<DecoderManifest>> {
  return (await importSmall(root, preset, changes)).source;
}

/** The same, with the folder of models that it lies in, `below` a new one; with a chat template and biases where they are given. */
export async function importSmall(
  root: string,
  preset: string,
  changes: Partial<ModelConfig> = {},
  template?: string,
  below = 'models',
  biases: readonly string[] = [],
): Promise<{ readonly modelsRoot: string; readonly source: ModelSource<DecoderManifest> }> {
  const config = { ...SMALL_CONFIG, ...changes };
  const folder = await mkdtemp(join(root, 'base-'));
  const input = join(folder, 'small.gguf');
  const added = archTensors(LLAMA, config)
    .filter(({ name }) => biases.some((bias) => name.endsWith(`.${bias}`)))
    .map((instance, i) => ({ instance, values: randomValues(instance.shape[1], i + 1, 0.3) }));
  const tensors = tinyGgufTensors([...tinyTensors(config), ...added]);
  await writeFile(input, writeGguf({ metadata: tinyGgufMetadata(config), tensors }));
  const modelsRoot = join(folder, below);
  await importModel({ input, id: 'small', preset, outRoot: modelsRoot });
  const dir = join(modelsRoot, 'small');
  const { manifest: read } = await readImported(dir, 'small');
  const manifest = requireKind(
    template === undefined ? read : { ...requireKind(read, 'decoder'), chatTemplate: template },
    'decoder',
  );
  await writeFile(join(dir, 'manifest.json'), JSON.stringify(manifest));
  return { modelsRoot, source: new FileModelSource(dir, manifest) };
}

export const OPTIMIZER = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, maxNorm: 1 };

export interface SmallOptions {
  readonly nRow?: number;
  readonly rank?: number;
  readonly nThread?: number;
  readonly targets?: readonly Target[];
  readonly seed?: number;
  readonly nPrefix?: number;
  readonly isPrefixFixed?: boolean;
  readonly eyes?: EyesShape;
  /** Tokens of a teacher. */
  readonly nShare?: number;
  readonly headIds?: Uint32Array;
}

export async function startSmall(
  source: ModelSource<DecoderManifest>,
  { nRow = 160, rank = 5, nThread = 2, targets = TARGETS, seed = 1, ...more }: SmallOptions = {},
): Promise<AdapterTraining> {
  const adapter = { base: source.manifest, rank, alpha: 2 * rank, targets, nRow, ...more };
  return await AdapterTraining.start({ adapter, nThread, optimizer: OPTIMIZER }, source, seed);
}

/** Sequences of 97 and 31 rows, of which some are learned, and some are before the adapter counts. */
export function smallPass(nVocab: number, seed: number): Pass {
  const random = new SeededRandom(seed);
  const lengths = [97, 31];
  const nRow = lengths.reduce((a, b) => a + b, 0);
  const id = (): number => random.integer(0, nVocab - 1);
  const rows = Array.from({ length: nRow }, (_, row) => row);
  const picks = rows.filter((row) => row % 7 !== 3);
  return {
    tokens: Uint32Array.from(rows, id),
    starts: Uint32Array.of(0, lengths[0]!, nRow),
    active: Float32Array.from(rows, (row) => (row < 11 ? 0 : 1)),
    picks: Uint32Array.from(picks),
    targets: Uint32Array.from(picks, id),
    weights: Float32Array.from(picks, (_, i) => 1 + (i % 3)),
  };
}

/** What a teacher might say of every pick of a pass: `k` tokens that differ. */
export function smallShares({ picks }: Pass, nVocab: number, k: number, seed: number): Shares {
  const random = new SeededRandom(seed);
  const ids: number[] = [];
  const values: number[] = [];
  for (let pick = 0; pick < picks.length; pick++) {
    const first = random.integer(0, nVocab - 1);
    const parts = Array.from({ length: k }, (_, i) => (i === 2 ? 0 : random.next()));
    const sum = parts.reduce((a, b) => a + b, 0);
    for (const [i, part] of parts.entries()) {
      ids.push((first + 7 * i) % nVocab);
      values.push(part / sum);
    }
  }
  return { ids: Uint32Array.from(ids), values: Float32Array.from(values) };
}

/** Weights of a base as the plain reading of its files gives them. */
export async function plainWeights(
  source: ModelSource<DecoderManifest>,
): Promise<Map<string, PlainMatrix>> {
  const shards: Uint8Array[] = [];
  for (const [i, { bytes }] of source.manifest.shards.entries()) {
    shards.push(new Uint8Array(bytes));
    await source.readShard(i, shards[i]!);
  }
  return new Map(
    source.manifest.tensors.map(({ name, dtype, shape, shard, offset, bytes }) => {
      const stored = shards[shard]!.slice(offset, offset + bytes);
      const values = Float64Array.from(unpackMatrix(dtype, shape[0], shape[1], stored));
      return [name, { nRow: shape[0], nCol: shape[1], values }];
    }),
  );
}
