/** What an adapter with eyes says of pictures that it has not learned from, by the engines that will serve it. */
import { basename } from 'node:path';
import { isTrainedPrefix } from '../../../engine/adapters/prefix.ts';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { openAdapter } from '../../import/open/open-adapter.ts';
import type { BeforeAfter } from '../samples.ts';
import type { PictureSet } from './dataset.ts';
import { SeeingModel } from './seeing-model.ts';

const N_PICTURE = 6;

export interface PictureSampleOptions {
  /** Of the adapter. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly modelsRoot: string | undefined;
}

/** Answers to the first question of some pictures: of the base, which does not see them, and of the adapter. */
export async function picturesBeforeAfter(
  { pictures, trained }: Pick<PictureSet, 'pictures' | 'trained'>,
  manifest: DecoderManifest,
  { folder, signal, modelsRoot }: PictureSampleOptions,
): Promise<BeforeAfter[]> {
  const adapter = await openAdapter(folder, manifest);
  if (isTrainedPrefix(adapter)) return [];
  const model = await SeeingModel.open(manifest.id, adapter, modelsRoot);
  const learned = new Set(trained);
  const held = pictures.filter((_, index) => !learned.has(index));
  const samples: BeforeAfter[] = [];
  for (const { path, texts } of (held.length > 0 ? held : pictures).slice(0, N_PICTURE)) {
    const { question, answer } = texts[0]!;
    samples.push({
      prompt: `${basename(path)}: ${question}\n(people: ${answer})`,
      before: await model.answer(null, question, signal),
      after: await model.answer(await model.look(path), question, signal),
    });
  }
  model.close();
  return samples;
}
