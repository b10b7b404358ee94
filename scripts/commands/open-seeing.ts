/** An adapter with eyes and its base, for commands that measure it. */
import { join } from 'node:path';
import { isTrainedPrefix } from '../../engine/adapters/prefix.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import { build } from '../build/build.ts';
import { ensureModel } from '../dev/prepare.ts';
import { SeeingModel } from '../finetune/pictures/seeing-model.ts';
import { openAdapter } from '../import/open/open-adapter.ts';
import { modelsDir } from '../lib/paths.ts';
import { readImported } from '../push/push.ts';

/** @throws {EngineError} E_USAGE for an adapter without eyes; as importing and opening */
export async function openSeeing(model: string, folder: string): Promise<SeeingModel> {
  await build();
  await ensureModel(model);
  const dir = join(modelsDir(), model);
  const manifest = requireKind((await readImported(dir, model)).manifest, 'decoder');
  const adapter = await openAdapter(folder, manifest);
  if (isTrainedPrefix(adapter))
    throw new EngineError('E_USAGE', `eval: ${folder} is a prefix; expected an adapter with eyes.`);
  return await SeeingModel.open(model, adapter);
}
