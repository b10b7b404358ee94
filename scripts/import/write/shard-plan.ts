/**
 * Which tensor goes where: types by preset, shards cut on layer borders, offsets inside them.
 * Pure and deterministic, so that an import that was cut off finds its own plan again.
 */
import { matrixBytes, roundUp } from '../../../engine/base/dtypes.ts';
import type { WeightDtype } from '../../../engine/base/dtypes.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { SHARD_MAX_BYTES } from '../../../engine/manifest/manifest.ts';
import type { MatchedTensor } from '../open/opened-model.ts';
import { presetDtype, TINY_F32_BYTES } from '../precision/presets.ts';
import type { PresetName } from '../precision/presets.ts';

/** A shard grows by whole layers while it stays below this. */
export const SHARD_TARGET_BYTES = 8 * 1024 * 1024;
/** Vector loads and cache lines begin here. */
export const TENSOR_ALIGN = 64;
/** Smaller tensors join a full shard rather than begin one of a few hundred bytes. */
const CRUMB_BYTES = 64 * 1024;

export interface PlannedTensor extends MatchedTensor {
  readonly dtype: WeightDtype;
  /** How much an error in each column matters, [nCol]; null: all the same. */
  readonly columnWeights: Float32Array | null;
  /** From the start of its shard. */
  readonly offset: number;
  readonly bytes: number;
}
export interface PlannedShard {
  readonly file: string;
  readonly bytes: number;
  readonly layers: readonly [number, number] | null;
  readonly tensors: readonly PlannedTensor[];
}

/** Choices for single tensors, by our names; the preset decides about the rest. */
export interface TensorChoices {
  /** What they depend on apart from the file; distinguishes imports that were cut off. */
  readonly key?: string;
  readonly dtypes?: ReadonlyMap<string, WeightDtype>;
  readonly columnWeights?: ReadonlyMap<string, Float32Array>;
}

type SizedTensor = Omit<PlannedTensor, 'offset'>;
interface Group {
  readonly layers: readonly [number, number] | null;
  readonly tensors: SizedTensor[];
}

/** @throws {EngineError} E_MEMORY_BUDGET for a tensor that is too large for a shard. */
export function planShards(
  preset: PresetName,
  matched: readonly MatchedTensor[],
  choices: TensorChoices = {},
): PlannedShard[] {
  const sourceBytes = matched.reduce((sum, { tensor }) => sum + tensor.bytes, 0);
  const isTinyF32 =
    sourceBytes < TINY_F32_BYTES && matched.every(({ tensor }) => tensor.dtype === 'F32');
  const sized = matched.map((match): SizedTensor => {
    const { instance, tensor } = match;
    const { role, manyRows = false } = instance.spec;
    const dtype =
      choices.dtypes?.get(instance.name) ??
      presetDtype(preset, { role, manyRows, source: tensor.dtype, isTinyF32 });
    const bytes = matrixBytes(dtype, instance.shape[0], instance.shape[1]);
    if (bytes > SHARD_MAX_BYTES) throw tooLarge(instance.name, dtype, bytes);
    const columnWeights = choices.columnWeights?.get(instance.name) ?? null;
    return { ...match, dtype, bytes, columnWeights };
  });
  const byLayer = Map.groupBy(sized, ({ instance }) => instance.layer);
  const groups = [...byLayer].flatMap(([layer, tensors]) => cutGroup(layer, tensors));
  return joinLayers(groups).map(placeGroup);
}

/** The tensors of one layer, or of none, in pieces of the target's size if they are larger. */
function cutGroup(layer: number | null, tensors: readonly SizedTensor[]): Group[] {
  const layers = layer === null ? null : ([layer, layer + 1] as const);
  const groups: Group[] = [];
  for (const tensor of tensors) {
    const last = groups.at(-1);
    const room = tensor.bytes < CRUMB_BYTES ? SHARD_MAX_BYTES : SHARD_TARGET_BYTES;
    if (last !== undefined && groupBytes([...last.tensors, tensor]) <= room)
      last.tensors.push(tensor);
    else groups.push({ layers, tensors: [tensor] });
  }
  return groups;
}

/** Neighbouring whole layers in one shard while they fit. */
function joinLayers(groups: readonly Group[]): Group[] {
  const joined: Group[] = [];
  for (const group of groups) {
    const last = joined.at(-1);
    const isNext = last?.layers?.[1] !== undefined && last.layers[1] === group.layers?.[0];
    const tensors = [...(last?.tensors ?? []), ...group.tensors];
    if (isNext && group.layers !== null && groupBytes(tensors) <= SHARD_TARGET_BYTES)
      joined.splice(-1, 1, { layers: [last.layers[0], group.layers[1]], tensors });
    else joined.push(group);
  }
  return joined;
}

function groupBytes(tensors: readonly SizedTensor[]): number {
  return tensors.reduce((end, { bytes }) => roundUp(end, TENSOR_ALIGN) + bytes, 0);
}

function placeGroup({ layers, tensors }: Group, index: number): PlannedShard {
  let end = 0;
  const placed = tensors.map((tensor) => {
    const offset = roundUp(end, TENSOR_ALIGN);
    end = offset + tensor.bytes;
    return { ...tensor, offset };
  });
  const file = `shard-${String(index).padStart(4, '0')}.bin`;
  return { file, bytes: end, layers, tensors: placed };
}

function tooLarge(name: string, dtype: WeightDtype, bytes: number): EngineError {
  return new EngineError(
    'E_MEMORY_BUDGET',
    `import: tensor ${name} as ${dtype} takes ${bytes} bytes; expected at most ${SHARD_MAX_BYTES}. ` +
      'Use --preset edge, or a smaller model.',
    { details: { name, dtype, bytes } },
  );
}
