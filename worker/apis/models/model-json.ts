/** A manifest as the model object of /v1/models. */
import type { z } from 'zod';
import type {
  DecoderManifest,
  EncoderManifest,
  Manifest,
  ManifestOf,
  ModelKind,
  OnnxManifest,
  RecognitionManifest,
  TowerManifest,
  VisionManifest,
  VoiceManifest,
  WeightedManifest,
} from '../../../engine/manifest/manifest.ts';
import { adapterModelId } from '../../../engine/manifest/adapters.ts';
import { SENSE_NAMES, type SenseName } from '../../../engine/manifest/modalities.ts';
import { encoderUse } from '../../../engine/encode/encoder-use.ts';
import { planMemory, servedContext } from '../../../engine/model/decoder/plan.ts';
import type { MemoryLayout } from '../../../engine/model/memory/layout.ts';
import { planTower } from '../../../engine/model/tower/plan.ts';
import { planVision } from '../../../engine/model/vision/plan.ts';
import { planRecognition } from '../../../engine/model/recognition/plan.ts';
import { plannedBytes } from '../../onnx/plan.ts';
import { readCount } from '../../platform/vars.ts';
import type { ServingEnv } from '../../serving/env.ts';
import type { ListedAdapter } from '../../serving/models/list-manifests.ts';
import { PUBLIC_KINDS } from './schema.ts';
import type { modelSchema } from './schema.ts';

type ModelJson = z.output<typeof modelSchema>;
type Env = Pick<ServingEnv, 'CONTEXT_TOKENS'>;

/** Fields that only models of one kind have. */
interface KindJson {
  readonly top: Partial<ModelJson>;
  readonly extension: Pick<ModelJson['thimble'], 'modalities'> & Partial<ModelJson['thimble']>;
}

const KIND_JSON: {
  readonly [K in ModelKind]: (manifest: ManifestOf<K>, env: Env) => KindJson;
} = {
  decoder: decoderJson,
  encoder: encoderJson,
  recognition: recognitionJson,
  vision: visionJson,
  tower: towerJson,
  onnx: onnxJson,
  voice: voiceJson,
};

export function modelJson<K extends ModelKind>(manifest: ManifestOf<K>, env: Env): ModelJson {
  const { id, name, createdAt, source, licence }: Manifest = manifest;
  const createdMs = Date.parse(createdAt);
  const toJson: (manifest: ManifestOf<K>, env: Env) => KindJson = KIND_JSON[manifest.kind];
  const { top, extension } = toJson(manifest, env);
  return {
    id,
    object: 'model',
    created: Number.isNaN(createdMs) ? 0 : Math.floor(createdMs / 1000),
    owned_by: source,
    licence,
    ...top,
    thimble: { kind: PUBLIC_KINDS[manifest.kind], name, licence, ...extension },
  };
}

/** An adapter as a model: what its base is, under its own name and licence. */
export function adapterJson({ base, adapter }: ListedAdapter, env: Env): ModelJson {
  const { id } = base.manifest;
  const parent = modelJson(base.manifest, env);
  const { rank, alpha, projections, activation, nPrefix, bytes, licence, source } = adapter;
  const { modalities } = parent.thimble;
  const projector = adapter.eyes ?? adapter.tower;
  const sees = projector !== null && !modalities.input.includes('image');
  const createdMs = Date.parse(adapter.createdAt);
  return {
    ...parent,
    id: adapterModelId(id, adapter.name),
    created: Number.isNaN(createdMs) ? 0 : Math.floor(createdMs / 1000),
    ...{ owned_by: source, licence, parent: id },
    thimble: {
      ...parent.thimble,
      ...{ name: adapterModelId(parent.thimble.name, adapter.name), licence },
      modalities: sees ? { ...modalities, input: [...modalities.input, 'image'] } : modalities,
      adapter: {
        ...{ rank, alpha, projections, invocation_tokens: activation, bytes },
        prefix_tokens: nPrefix,
        image_encoder: projector?.encoder ?? null,
      },
    },
  };
}

function weightedTop(
  { architecture, preset }: WeightedManifest,
  trained: number,
  served = trained,
): Partial<ModelJson> {
  return { architecture, preset, context_length: served, trained_context_length: trained };
}

function decoderJson(manifest: DecoderManifest, env: Env): KindJson {
  const { config } = manifest;
  const wanted = readCount(env.CONTEXT_TOKENS) ?? undefined;
  const served = servedContext(config, wanted);
  return {
    top: weightedTop(manifest, config.nCtx, served),
    extension: {
      context: { served, trained: config.nCtx },
      modalities: { input: ['text', ...ownSenses(manifest)], output: ['text'] },
      chat_template: manifest.chatTemplate !== null,
      quantization: quantizationJson(manifest),
      memory: memoryJson(manifest, wanted),
    },
  };
}

/** What a text model reads beside text. */
function ownSenses({ config, sight }: DecoderManifest): SenseName[] {
  const { modalities = {} } = config;
  return SENSE_NAMES.filter(
    (name) => modalities[name] !== undefined || (name === 'image' && sight !== undefined),
  );
}

const ENCODER_OUTPUTS = { embed: 'embedding', score: 'score' } as const;

function encoderJson(manifest: EncoderManifest): KindJson {
  return {
    top: weightedTop(manifest, manifest.config.nCtx),
    extension: {
      modalities: { input: ['text'], output: [ENCODER_OUTPUTS[encoderUse(manifest.config)]] },
      quantization: quantizationJson(manifest),
    },
  };
}

function recognitionJson(manifest: RecognitionManifest): KindJson {
  return {
    top: weightedTop(manifest, manifest.config.nTextCtx),
    extension: {
      modalities: { input: ['audio'], output: ['text'] },
      quantization: quantizationJson(manifest),
      memory: plannedMemoryJson(() => planRecognition(manifest)),
    },
  };
}

function visionJson(manifest: VisionManifest): KindJson {
  const { architecture, preset } = manifest;
  return {
    top: { architecture, preset },
    extension: {
      modalities: { input: ['image'], output: ['text'] },
      quantization: quantizationJson(manifest),
      memory: plannedMemoryJson(() => planVision(manifest)),
    },
  };
}

function towerJson(manifest: TowerManifest): KindJson {
  const { architecture, preset } = manifest;
  return {
    top: { architecture, preset },
    extension: {
      modalities: { input: ['image'], output: ['embedding'] },
      quantization: quantizationJson(manifest),
      memory: plannedMemoryJson(() => planTower(manifest)),
    },
  };
}

function plannedMemoryJson(
  plan: () => MemoryLayout<never, string>,
): ModelJson['thimble']['memory'] {
  try {
    const { regions, wasmBytes, totalBytes } = plan();
    return { weight_bytes: regions.weights.bytes, wasm_bytes: wasmBytes, total_bytes: totalBytes };
  } catch {
    // It does not fit one isolate.
    return null;
  }
}

const ONNX_MODALITIES: Readonly<
  Record<OnnxManifest['task']['name'], KindJson['extension']['modalities']>
> = {
  tensors: { input: ['tensor'], output: ['tensor'] },
  'voice-activity': { input: ['audio'], output: ['tensor'] },
  'speech-synthesis': { input: ['text'], output: ['audio'] },
  'image-moderation': { input: ['image'], output: ['text'] },
  'text-recognition': { input: ['image'], output: ['text'] },
  'image-classification': { input: ['image'], output: ['text'] },
};

function onnxJson({ task, files, memory }: OnnxManifest): KindJson {
  return {
    top: {},
    extension: {
      modalities: ONNX_MODALITIES[task.name],
      memory: {
        weight_bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
        wasm_bytes: memory.peakBytes,
        total_bytes: plannedBytes([memory]),
      },
    },
  };
}

function voiceJson(_manifest: VoiceManifest): KindJson {
  return { top: {}, extension: { modalities: { input: ['text'], output: ['audio'] } } };
}

function quantizationJson({
  preset,
  tensors,
}: WeightedManifest): ModelJson['thimble']['quantization'] {
  const bytesByType: Record<string, number> = {};
  let nBytes = 0;
  let nWeight = 0;
  for (const { dtype, bytes, shape } of tensors) {
    bytesByType[dtype] = (bytesByType[dtype] ?? 0) + bytes;
    nBytes += bytes;
    nWeight += shape[0] * shape[1];
  }
  const bits = Math.round((8000 * nBytes) / nWeight) / 1000;
  return { preset, bits_per_weight: bits, bytes_by_type: bytesByType };
}

/** The stage's memory plan with the platform's limit; a deployment may set another one. */
function memoryJson(
  manifest: DecoderManifest,
  nCtx: number | undefined,
): ModelJson['thimble']['memory'] {
  try {
    const plan = planMemory(manifest, nCtx === undefined ? {} : { nCtx });
    const weightBytes = manifest.shards.reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      weight_bytes: weightBytes,
      wasm_bytes: plan.wasmBytes,
      total_bytes: plan.totalBytes,
    };
  } catch {
    return null;
  }
}
