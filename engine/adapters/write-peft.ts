/** Writes PEFT's folder of an adapter. */
import { writeSafetensors } from '../formats/write-safetensors.ts';
import type { Adapter, AdapterBase } from './adapter.ts';
import { PEFT_PREFIX } from './peft.ts';
import { writePairs } from './write-pairs.ts';

export interface PeftFiles {
  /** adapter_config.json */
  readonly config: Readonly<Record<string, unknown>>;
  /** adapter_model.safetensors */
  readonly weights: Uint8Array<ArrayBuffer>;
}

/** @throws {EngineError} E_ADAPTER_UNSUPPORTED for pairs that such files cannot hold */
export function writePeft(adapter: Adapter, base: AdapterBase): PeftFiles {
  const { rank, scale, activation, baseName } = adapter;
  const pairs = writePairs(adapter, base, 'hf');
  const modules = pairs.map(({ module }) => module.slice(module.lastIndexOf('.') + 1));
  const config = {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: baseName,
    r: rank,
    // Readers take alpha / r.
    lora_alpha: scale * rank,
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: false,
    use_rslora: false,
    use_dora: false,
    target_modules: [...new Set(modules)].sort(),
    modules_to_save: null,
    inference_mode: true,
    ...(activation === null ? {} : { alora_invocation_tokens: activation }),
  };
  const tensors = pairs.flatMap(({ module, a, shapeA, b, shapeB }) => [
    {
      name: `${PEFT_PREFIX}${module}.lora_A.weight`,
      dtype: 'F32' as const,
      shape: shapeA,
      values: a,
    },
    {
      name: `${PEFT_PREFIX}${module}.lora_B.weight`,
      dtype: 'F32' as const,
      shape: shapeB,
      values: b,
    },
  ]);
  return { config, weights: writeSafetensors(tensors, { format: 'pt' }) };
}
