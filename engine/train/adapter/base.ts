/** The model under an adapter: its stored weights in the memory of a training, which are read and never learned. */
import { archByName, type TensorInstance } from '../../archs/index.ts';
import { roundUp } from '../../base/dtypes.ts';
import { EngineError } from '../../base/errors.ts';
import type { DecoderManifest, ModelConfig } from '../../manifest/manifest.ts';
import { bindWeights, rowSlices, type RowSlice } from '../../model/memory/loader.ts';
import { pieceTensors, wholeRange } from '../../model/decoder/piece.ts';
import type { WeightRef } from '../../ops/weights.ts';
import type { Arena } from '../arena.ts';

/** What every thread needs of a manifest; structured-cloneable. */
export type BaseManifest = Pick<
  DecoderManifest,
  'id' | 'architecture' | 'config' | 'tensors' | 'shards'
>;

/** The projections of a layer that an adapter may change, by the engine's names. */
export const TARGETS = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const;
export type Target = (typeof TARGETS)[number];

/** Tensors that a layer may have. */
const LAYER_PARTS: ReadonlySet<string> = new Set([
  ...TARGETS.map((target) => `${target}Proj`),
  ...TARGETS.map((target) => `${target}Bias`),
  ...['attnNorm', 'ffnNorm'],
]);
/** Numbers of a config that the graph of training does not compute. */
const UNSUPPORTED = [
  ...['localRopeTheta', 'windows', 'unrotated', 'attentionScale', 'attentionSoftcap'],
  ...['logitSoftcap', 'logitDivisor', 'embeddingScale', 'residualScale', 'nExpert'],
] as const satisfies readonly (keyof ModelConfig)[];
/** Heads are turned in pairs of four values. */
const HEAD_UNIT = 8;

export interface Base {
  readonly config: ModelConfig;
  readonly weights: ReadonlyMap<string, WeightRef>;
  readonly embedding: readonly RowSlice[];
  readonly head: readonly RowSlice[];
  /** Where each shard lies, in the manifest's order. */
  readonly shardAddresses: readonly number[];
}

/** Shape of a projection. */
export function targetShape(
  { nEmbd, nHead, nKvHead, headDim, nFf }: ModelConfig,
  target: Target,
): { readonly nOut: number; readonly nIn: number } {
  const [qDim, kvDim] = [nHead * headDim, nKvHead * headDim];
  const shapes: Readonly<Record<Target, readonly [nOut: number, nIn: number]>> = {
    q: [qDim, nEmbd],
    k: [kvDim, nEmbd],
    v: [kvDim, nEmbd],
    o: [nEmbd, qDim],
    gate: [nFf, nEmbd],
    up: [nFf, nEmbd],
    down: [nEmbd, nFf],
  };
  const [nOut, nIn] = shapes[target];
  return { nOut, nIn };
}

/** @throws {EngineError} E_MODEL_KIND naming what training an adapter on this model would need */
export function checkBase({ id, architecture, config: c, tensors }: BaseManifest): void {
  const arch = archByName(architecture);
  const odd = tensors.find(({ name }) => {
    const part = /^layers\.\d+\.(.+)$/.exec(name)?.[1];
    return part === undefined
      ? !['tokEmbd', 'outputNorm', 'head'].includes(name)
      : !LAYER_PARTS.has(part);
  });
  const option = UNSUPPORTED.find((name) => c[name] !== undefined);
  const faults: readonly (readonly [boolean, string])[] = [
    [arch.norm !== 'rms' || arch.activation !== 'silu' || arch.ffn !== 'gated', 'its layers'],
    [arch.positions !== 'rope' || c.ropeDim !== c.headDim, 'its positions'],
    [option !== undefined, `"${option}" of its config`],
    [odd !== undefined, `its tensor ${odd?.name}`],
    [c.headDim % HEAD_UNIT !== 0, `heads of ${c.headDim} values`],
    [c.nEmbd % 4 !== 0 || c.nFf % 4 !== 0, `widths of ${c.nEmbd} and ${c.nFf}`],
  ];
  const fault = faults.find(([isWrong]) => isWrong);
  if (fault === undefined) return;
  throw new EngineError(
    'E_MODEL_KIND',
    `model: ${id} (${architecture}) cannot be fine-tuned: ${fault[1]} cannot be trained through yet; expected a model of Llama's form. Use one such as smollm2-135m-instruct.`,
    { param: 'model', details: { model: id, architecture } },
  );
}

/** Plans room for every shard, and binds the weights that lie in them. */
export function planBase(arena: Arena, manifest: BaseManifest): Base {
  checkBase(manifest);
  const { config, architecture, shards } = manifest;
  const shardAddresses = shards.map(({ bytes }) => arena.bytes(bytes));
  const instances: TensorInstance[] = pieceTensors(
    archByName(architecture),
    config,
    wholeRange(config),
  );
  const weights = bindWeights(manifest, instances, shardAddresses);
  const embedding = rowSlices(weights, 'tokEmbd');
  const head = config.tiedHead ? embedding : rowSlices(weights, 'head');
  return { config, weights, embedding, head, shardAddresses };
}

/** Values from one dequantized row to the next: rows are read in whole groups. */
export const unpackedStride = (nCol: number): number => roundUp(nCol, 32);
