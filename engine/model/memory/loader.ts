/** Weights from a ModelSource straight into the kernels' memory, hashes checked before use. */
import { EngineError } from '../../base/errors.ts';
import { sha256Hex } from '../../base/sha256.ts';
import type { TensorInstance } from '../../archs/index.ts';
import { SMALL_ROLES } from '../../archs/types.ts';
import type { TensorRole } from '../../archs/types.ts';
import type { WeightedManifest, ShardRow, TensorRow } from '../../manifest/manifest.ts';
import type { Ops } from '../../ops/ops.ts';
import { weightRef } from '../../ops/weights.ts';
import type { WeightRef } from '../../ops/weights.ts';
import type { ModelSource } from './source.ts';

/** Ranges in flight: a Worker may have six connections open (Workers platform limits). */
const LOAD_CONCURRENCY = 4;

/** Roles of matrices with a row a token of the vocabulary: they may be stored in slices of rows. */
const SLICED_ROLES: readonly TensorRole[] = ['embedding', 'head'];

/**
 * Reads every planned shard to its address and checks its SHA-256.
 * @throws {EngineError} E_WEIGHTS_HASH naming the shard; the errors of the source.
 */
export async function loadShards(
  source: ModelSource,
  shardAddresses: readonly (number | null)[],
  memory: WebAssembly.Memory,
  onShard?: (loadedBytes: number) => void,
): Promise<void> {
  const planned = source.manifest.shards.flatMap((shard, index) => {
    const address = shardAddresses[index] ?? null;
    return address === null ? [] : [{ shard, index, address }];
  });
  let next = 0;
  let loadedBytes = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < planned.length; i = next++) {
      const { shard, index, address } = planned[i]!;
      const into = new Uint8Array(memory.buffer, address, shard.bytes);
      await source.readShard(index, into);
      await checkHash(shard, into);
      loadedBytes += shard.bytes;
      onShard?.(loadedBytes);
    }
  };
  await Promise.all(Array.from({ length: LOAD_CONCURRENCY }, worker));
}

async function checkHash(shard: ShardRow, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const got = await sha256Hex(bytes);
  if (got === shard.sha256) return;
  throw new EngineError(
    'E_WEIGHTS_HASH',
    `weights: shard ${shard.file}: SHA-256 expected ${shard.sha256}, got ${got}. ` +
      'The stored file is damaged: push the model again.',
    { details: { shard: shard.file, expected: shard.sha256, got } },
  );
}

/**
 * The weights of a model by name, as the architecture's rows require them. Slices of a matrix are under
 * names of their own (`rowSlices`); of those only the loaded ones.
 * @param instances every tensor such a model has or may have
 * @throws {EngineError} E_TENSOR_MISSING, E_TENSOR_SHAPE, E_DTYPE_UNSUPPORTED.
 */
export function bindWeights(
  { id, tensors }: Pick<WeightedManifest, 'id' | 'tensors'>,
  instances: readonly TensorInstance[],
  shardAddresses: readonly (number | null)[],
): Map<string, WeightRef> {
  const byName = Map.groupBy(tensors, ({ name }) => name);
  const weights = new Map<string, WeightRef>();
  for (const instance of instances) {
    const { name, required } = instance;
    const slices = byName.get(name);
    if (slices === undefined) {
      if (!required) continue;
      throw new EngineError(
        'E_TENSOR_MISSING',
        `weights: ${name} is not in the manifest of ${id}. Import the model again.`,
        {
          details: { name },
        },
      );
    }
    checkTensor(instance, slices);
    for (const { dtype, shape, shard, offset, firstRow } of slices) {
      const start = shardAddresses[shard] ?? null;
      if (start === null) continue;
      const key = firstRow === undefined ? name : sliceName(name, firstRow);
      weights.set(key, weightRef(dtype, shape[0], shape[1], start + offset));
    }
  }
  return weights;
}

function checkTensor({ name, shape, spec }: TensorInstance, slices: readonly TensorRow[]): void {
  const { dtype, shape: stored, firstRow } = slices[0]!;
  const got = [slices.reduce((sum, slice) => sum + slice.shape[0], 0), stored[1]] as const;
  const maySlice = firstRow === undefined || SLICED_ROLES.includes(spec.role);
  if (got[0] !== shape[0] || got[1] !== shape[1] || !maySlice) {
    throw new EngineError(
      'E_TENSOR_SHAPE',
      `weights: ${name}; expected [${shape.join(', ')}]${maySlice ? '' : ' in one piece'}, got [${got.join(', ')}]. Import the model again.`,
      { details: { name, expected: shape, got } },
    );
  }
  if (SMALL_ROLES.includes(spec.role) && dtype !== 'f32') {
    throw new EngineError(
      'E_DTYPE_UNSUPPORTED',
      `weights: ${name}; expected f32, got ${dtype}. Import the model again.`,
      {
        details: { name, dtype },
      },
    );
  }
}

function sliceName(name: string, firstRow: number): string {
  return `${name}@${firstRow}`;
}

/** Name of the tensor that a weight is, or is a slice of. */
export function tensorName(weightName: string): string {
  return weightName.replace(/@\d+$/, '');
}

/** Rows of a matrix that lie together. */
export interface RowSlice {
  readonly firstRow: number;
  readonly weight: WeightRef;
}

/** Row `row` of a matrix as f32 at `out`. */
export function rowOf(ops: Ops, slices: readonly RowSlice[], row: number, out: number): void {
  const { weight, firstRow } = slices.findLast((slice) => slice.firstRow <= row)!;
  ops.row(weight, row - firstRow, out);
}

/** The loaded rows of a matrix, in ascending order; empty when none of it is here. */
export function rowSlices(weights: ReadonlyMap<string, WeightRef>, name: string): RowSlice[] {
  const whole = weights.get(name);
  if (whole !== undefined) return [{ firstRow: 0, weight: whole }];
  const prefix = sliceName(name, 0).slice(0, -1);
  return [...weights]
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, weight]) => ({ firstRow: Number(key.slice(prefix.length)), weight }))
    .sort((a, b) => a.firstRow - b.firstRow);
}
