/** Weights from a ModelSource straight into the kernels' memory, hashes checked before use. */
import { EngineError } from '../../base/errors.ts';
import { sha256Hex } from '../../base/sha256.ts';
import type { TensorInstance } from '../../archs/index.ts';
import { SMALL_ROLES } from '../../archs/types.ts';
import type { WeightedManifest, ShardRow } from '../../manifest/manifest.ts';
import { weightRef } from '../../ops/weights.ts';
import type { WeightRef } from '../../ops/weights.ts';
import type { ModelSource } from './source.ts';

/** Ranges in flight: a Worker may have six connections open (Workers platform limits). */
const LOAD_CONCURRENCY = 4;

/**
 * Reads every shard to its planned address and checks its SHA-256.
 * @throws {EngineError} E_WEIGHTS_HASH naming the shard; the errors of the source.
 */
export async function loadShards(
  source: ModelSource,
  shardAddresses: readonly number[],
  memory: WebAssembly.Memory,
  onShard?: (loadedBytes: number) => void,
): Promise<void> {
  const { shards } = source.manifest;
  let next = 0;
  let loadedBytes = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < shards.length; i = next++) {
      const shard = shards[i]!;
      const into = new Uint8Array(memory.buffer, shardAddresses[i], shard.bytes);
      await source.readShard(i, into);
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
 * The weights of a model by name, as the architecture's rows require them.
 * @param instances every tensor such a model has or may have
 * @throws {EngineError} E_TENSOR_MISSING, E_TENSOR_SHAPE, E_DTYPE_UNSUPPORTED.
 */
export function bindWeights(
  { id, tensors }: Pick<WeightedManifest, 'id' | 'tensors'>,
  instances: readonly TensorInstance[],
  shardAddresses: readonly number[],
): Map<string, WeightRef> {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const weights = new Map<string, WeightRef>();
  for (const { name, shape, required, spec } of instances) {
    const tensor = byName.get(name);
    if (tensor === undefined) {
      if (!required) continue;
      throw new EngineError(
        'E_TENSOR_MISSING',
        `weights: ${name} is not in the manifest of ${id}. Import the model again.`,
        {
          details: { name },
        },
      );
    }
    if (tensor.shape[0] !== shape[0] || tensor.shape[1] !== shape[1]) {
      throw new EngineError(
        'E_TENSOR_SHAPE',
        `weights: ${name}; expected [${shape.join(', ')}], got [${tensor.shape.join(', ')}]. Import the model again.`,
        { details: { name, expected: shape, got: tensor.shape } },
      );
    }
    if (SMALL_ROLES.includes(spec.role) && tensor.dtype !== 'f32') {
      throw new EngineError(
        'E_DTYPE_UNSUPPORTED',
        `weights: ${name}; expected f32, got ${tensor.dtype}. Import the model again.`,
        {
          details: { name, dtype: tensor.dtype },
        },
      );
    }
    const address = shardAddresses[tensor.shard]! + tensor.offset;
    weights.set(name, weightRef(tensor.dtype, shape[0], shape[1], address));
  }
  return weights;
}
