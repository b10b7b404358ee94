/** What commands that measure an adapter of a recipe have in common. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Adapter } from '../../engine/adapters/adapter.ts';
import { isTrainedPrefix } from '../../engine/adapters/prefix.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import { build } from '../build/build.ts';
import { ensureModel } from '../dev/prepare.ts';
import { loadWithAdapter } from '../finetune/measure/answers.ts';
import { openAdapter } from '../import/open/open-adapter.ts';
import { modelsDir } from '../lib/paths.ts';
import { ProgressLine } from '../lib/progress.ts';
import type { LocalModel } from '../node-host/engine.ts';
import { readImported } from '../push/push.ts';

/** What such commands are told. */
export interface MeasureFlags {
  readonly model: string;
  readonly make?: string;
  readonly adapter?: string;
  readonly data?: string;
  readonly record?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

/** The folders of what is measured. @throws {EngineError} E_USAGE without them */
export function measuredFolders({ adapter, data }: MeasureFlags): {
  readonly folder: string;
  readonly dataFolder: string;
} {
  if (adapter === undefined || data === undefined)
    throw new EngineError('E_USAGE', 'eval: expected --adapter and --data, or --make. Give them.');
  return { folder: adapter, dataFolder: data };
}

/** A base, and the low-rank adapter that is measured beside it. @throws {EngineError} E_USAGE for a prefix */
export async function openMeasured(
  model: string,
  folder: string,
): Promise<{ readonly local: LocalModel; readonly adapter: Adapter }> {
  await build();
  await ensureModel(model);
  const { manifest: read } = await readImported(join(modelsDir(), model), model);
  const manifest = requireKind(read, 'decoder');
  const adapter = await openAdapter(folder, manifest);
  if (isTrainedPrefix(adapter))
    throw new EngineError('E_USAGE', `eval: ${folder} is a prefix; expected a low-rank adapter.`);
  return { local: await loadWithAdapter(model, manifest, adapter), adapter };
}

/** Measures while it shows how many answers there are, and writes them to the file, a line of JSON each. */
export async function withAnswers<R>(
  { total, out }: { readonly total: number; readonly out: string | undefined },
  measure: (onAnswer: (told: object) => void) => Promise<R>,
): Promise<R> {
  const progress = new ProgressLine('asking: ');
  const lines: string[] = [];
  const report = await measure((told) => {
    lines.push(JSON.stringify(told));
    progress.update({ done: lines.length, total, unit: 'items' });
  });
  progress.finish('done');
  if (out !== undefined) await appendFile(out, `${lines.join('\n')}\n`);
  return report;
}
