/** The manifest an import would write for a model of these sizes, without any weights. */
import { archTensors } from '../../engine/archs/index.ts';
import { LLAMA } from '../../engine/archs/decoders/llama.ts';
import { memorySource } from '../../engine/formats/byte-source.ts';
import type { DecoderManifest, ModelConfig } from '../../engine/manifest/manifest.ts';
import { sourceBytes } from '../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../engine/formats/source-dtypes.ts';
import type { PresetName } from '../../scripts/import/precision/presets.ts';
import { tensorRows } from '../../scripts/import/write/describe-model.ts';
import { planShards } from '../../scripts/import/write/shard-plan.ts';

export const SMOLLM2_CONFIG: ModelConfig = {
  nLayer: 30,
  nEmbd: 576,
  nHead: 9,
  nKvHead: 3,
  headDim: 64,
  nFf: 1536,
  nVocab: 49152,
  nCtx: 8192,
  normEps: 1e-5,
  ropeTheta: 100_000,
  ropePairing: 'adjacent',
  ropeDim: 64,
  ropeScaling: { kind: 'none' },
  tiedHead: true,
};

/** Types in the file: of the embedding (and head), and of the layers' matrices. */
export interface PlannedTypes {
  readonly table: SourceDtype;
  readonly layers: SourceDtype;
}

export function plannedManifest(
  config: ModelConfig,
  preset: PresetName,
  types: PlannedTypes,
): DecoderManifest {
  const nothing = memorySource('planned', new Uint8Array(0));
  const matched = archTensors(LLAMA, config)
    .filter(({ required }) => required)
    .map((instance) => {
      const { role } = instance.spec;
      const isTable = role === 'embedding' || role === 'head';
      const dtype = role === 'norm' ? 'F32' : isTable ? types.table : types.layers;
      const dims = instance.shape;
      const bytes = sourceBytes(dtype, dims[0] * dims[1]);
      return {
        instance,
        tensor: {
          name: instance.places.gguf!.name,
          dtype,
          dims,
          source: nothing,
          offset: 0,
          bytes,
        },
      };
    });
  const shards = planShards(preset, matched);
  const sha256 = '0'.repeat(64);
  return {
    kind: 'decoder',
    formatVersion: 1,
    id: 'planned',
    name: 'planned',
    architecture: 'llama',
    preset,
    createdAt: '',
    licence: '',
    source: '',
    sourceSha256: null,
    card: '',
    config,
    tokenizer: { file: 'tokenizer.json', bytes: 1, sha256, addBos: true, bosId: 1, eosIds: [2] },
    chatTemplate: null,
    tensors: shards.flatMap((shard, index) =>
      tensorRows(shard, index, undefined).map((row) => ({ ...row, exact: true })),
    ),
    shards: shards.map(({ file, bytes, layers }) => ({
      file,
      bytes,
      sha256,
      layers: layers === null ? null : [...layers],
    })),
  };
}
