/** A trained adapter as PEFT's folder: its configuration, its weights and a card. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PEFT_PREFIX } from '../../engine/adapters/peft.ts';
import { EYES_PREFIX } from '../../engine/train/eyes.ts';
import { moduleOf } from '../../engine/train/adapter/plan.ts';
import { writeSafetensors, type WrittenTensor } from '../../engine/formats/write-safetensors.ts';
import { f32ToF16 } from '../../engine/quant/half.ts';
import { writeWhole } from '../train/checkpoint.ts';
import type { AdapterTraining } from './adapter-training.ts';
import type { FinetuneConfig } from './config.ts';

export interface PeftOptions extends Pick<FinetuneConfig, 'model' | 'rank' | 'alpha' | 'targets'> {
  /** Whether weights are written in 16 bits; in 32 by default. */
  readonly inHalves?: boolean;
}

/** @param card README.md @param invocation tokens that switch it on */
export async function writePeft(
  folder: string,
  training: AdapterTraining,
  config: PeftOptions,
  invocation: readonly number[] | null,
  card: string,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { weights } = training.program.plan.graph;
  const pairs = weights.filter(({ name }) => !name.startsWith(EYES_PREFIX));
  const tensors = pairs.map((weight): WrittenTensor => {
    const place = { name: PEFT_PREFIX + weight.name, shape: [weight.nRow, weight.nCol] };
    const values = training.read(weight);
    return config.inHalves === true
      ? { ...place, dtype: 'F16', values: Uint16Array.from(values, f32ToF16) }
      : { ...place, dtype: 'F32', values };
  });
  const json = {
    ...{ peft_type: 'LORA', task_type: 'CAUSAL_LM', base_model_name_or_path: config.model },
    ...{ r: config.rank, lora_alpha: config.alpha, lora_dropout: 0, bias: 'none' },
    target_modules: config.targets.map(moduleOf),
    ...{ fan_in_fan_out: false, use_rslora: false, use_dora: false, inference_mode: true },
    ...{ init_lora_weights: true, modules_to_save: null },
    ...(invocation === null ? {} : { alora_invocation_tokens: invocation }),
  };
  const file = (name: string): string => join(folder, name);
  await writeWhole(file('adapter_model.safetensors'), writeSafetensors(tensors, { format: 'pt' }));
  await writeWhole(file('adapter_config.json'), `${JSON.stringify(json, null, 2)}\n`);
  await writeWhole(file('README.md'), card);
}
