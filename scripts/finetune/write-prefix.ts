/** A trained prefix in the base's own order, and as PEFT's folder with a card. */
import { join } from 'node:path';
import { type TrainedPrefix, writePeftPrefix } from '../../engine/adapters/prefix.ts';
import { turnedOrder } from '../../engine/adapters/targets.ts';
import { f32ToF16 } from '../../engine/quant/half.ts';
import { makeFolder, writeWhole } from '../train/checkpoint.ts';
import type { AdapterTraining } from './adapter-training.ts';
import type { FinetuneConfig } from './config.ts';

/** What was learned, in halves. */
export function trainedPrefix(
  training: AdapterTraining,
  { model, prefix: nPosition }: Pick<FinetuneConfig, 'model' | 'prefix'>,
): TrainedPrefix {
  const { base, cache } = training.program.plan;
  const c = base.config;
  const width = c.nKvHead * c.headDim;
  // Keys of training are in halves, as in PEFT's files.
  const order = turnedOrder(width, c.headDim, 'half', c.ropePairing);
  const layers = cache.map(({ prefix }) => {
    const keys = training.read(prefix!.keys);
    return {
      keys: Uint16Array.from(keys, (_, at) => {
        const column = at % width;
        return f32ToF16(keys[at - column + (order?.[column] ?? column)]!);
      }),
      values: Uint16Array.from(training.read(prefix!.values), f32ToF16),
    };
  });
  return { nPosition, layers, baseName: model };
}

/** @param card README.md @throws {EngineError} E_DISK */
export async function writePrefix(
  folder: string,
  training: AdapterTraining,
  config: Pick<FinetuneConfig, 'model' | 'prefix'>,
  card: string,
): Promise<void> {
  await makeFolder(folder);
  const prefix = trainedPrefix(training, config);
  const { config: json, weights } = writePeftPrefix(prefix, training.program.plan.base);
  const file = (name: string): string => join(folder, name);
  await writeWhole(file('adapter_model.safetensors'), weights);
  await writeWhole(file('adapter_config.json'), `${JSON.stringify(json, null, 2)}\n`);
  await writeWhole(file('README.md'), card);
}
