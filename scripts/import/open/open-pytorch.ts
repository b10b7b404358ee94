/** Opens a PyTorch file: the families whose dictionaries of tensors are known, a row each. */
import { basename } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import { readPytorch } from '../../../engine/formats/pytorch.ts';
import { visionTensors } from '../../../engine/model/vision/tensors.ts';
import { openFileSource } from '../../lib/file-source.ts';
import { EFFICIENTNET_LITE, foldEfficientnet, isEfficientnet } from '../vision/efficientnet.ts';
import type { OpenedModel } from './opened-model.ts';

/** @throws {EngineError} E_ARCH_UNKNOWN for a dictionary of another family; what the reader throws */
export async function openPytorch(path: string, open: AsyncDisposableStack): Promise<OpenedModel> {
  const file = open.use(await openFileSource(path));
  const tensors = await readPytorch(file);
  const where = basename(path);
  if (!isEfficientnet(tensors))
    throw new EngineError(
      'E_ARCH_UNKNOWN',
      `${where}: a PyTorch file of an unknown family; expected EfficientNet-Lite. Save other models as safetensors with their config.json, and import that folder.`,
      { details: { tensors: tensors.slice(0, 5).map(({ name }) => name) } },
    );
  const { config, tensors: folded } = await foldEfficientnet(where, tensors);
  return {
    ...{ format: 'pytorch', files: [file], tensors: folded, naming: 'hf', wanted: new Set() },
    ...{ architecture: EFFICIENTNET_LITE, fields: { kind: 'vision', config } },
    ...{ instances: visionTensors(config), nVocab: 0, tokenizer: null },
    ...{ name: where, licence: 'unknown', card: '' },
  };
}
