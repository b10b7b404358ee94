/** A manifest as the model object of /v1/models. */
import type { z } from 'zod';
import type { Manifest } from '../../engine/formats/manifest.ts';
import { planMemory, servedContext } from '../../engine/model/plan.ts';
import { readCount } from '../vars.ts';
import type { GatewayEnv } from './env.ts';
import type { modelSchema } from './schemas/models.ts';

type ModelJson = z.output<typeof modelSchema>;

export function modelJson(manifest: Manifest, env: Pick<GatewayEnv, 'CONTEXT_TOKENS'>): ModelJson {
  const { id, name, createdAt, source, licence, architecture, preset, config } = manifest;
  const createdMs = Date.parse(createdAt);
  const wanted = readCount(env.CONTEXT_TOKENS) ?? undefined;
  const served = servedContext(config, wanted);
  return {
    id,
    object: 'model',
    created: Number.isNaN(createdMs) ? 0 : Math.floor(createdMs / 1000),
    owned_by: source,
    licence,
    architecture,
    preset,
    context_length: served,
    trained_context_length: config.nCtx,
    thimble: {
      name,
      context: { served, trained: config.nCtx },
      modalities: { input: ['text'], output: ['text'] },
      licence,
      chat_template: manifest.chatTemplate !== null,
      quantization: quantizationJson(manifest),
      memory: memoryJson(manifest, wanted),
    },
  };
}

function quantizationJson({ preset, tensors }: Manifest): ModelJson['thimble']['quantization'] {
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

/** What the stage will plan with the platform's limit; it may be given another one. */
function memoryJson(manifest: Manifest, nCtx: number | undefined): ModelJson['thimble']['memory'] {
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
