/** Prefixes that are what a base's cache holds of a text, made by the trainer: the same text after them is the whole one. */
import type { TrainedPrefix } from '../../engine/adapters/prefix.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import type { AdapterTensors } from '../../engine/model/decoder/contract.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import { trainedPrefix } from '../../scripts/finetune/write-prefix.ts';
import { startSmall } from './adapter-training.ts';

export async function prefixOf(
  source: ModelSource<DecoderManifest>,
  tokens: readonly number[],
): Promise<TrainedPrefix> {
  const nPrefix = tokens.length;
  const training = await startSmall(source, { nPrefix, targets: [], nRow: nPrefix, nThread: 1 });
  try {
    training.beginPrefix(Uint32Array.from(tokens));
    return trainedPrefix(training, { model: source.manifest.id, prefix: nPrefix });
  } finally {
    await training.close();
  }
}

/** The same as a decoder holds it. */
export function prefixTensors(id: string, { nPosition, layers }: TrainedPrefix): AdapterTensors {
  const prefix = { nPosition, layers: new Map(layers.entries()) };
  return { id, rank: 1, scale: 1, pairs: new Map(), prefix };
}
