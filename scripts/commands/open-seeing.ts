/** An adapter with eyes and its base, for commands that measure it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { isTrainedPrefix } from '../../engine/adapters/prefix.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import { build } from '../build/build.ts';
import { ensureModel } from '../dev/prepare.ts';
import { addToRecord } from '../finetune/measure/record.ts';
import type { PictureRow } from '../finetune/pictures/rows.ts';
import { SeeingModel } from '../finetune/pictures/seeing-model.ts';
import { openAdapter } from '../import/open/open-adapter.ts';
import { parseNumber } from '../lib/arguments.ts';
import { modelsDir } from '../lib/paths.ts';
import { SMALL_MODEL_ID } from '../pull/catalogue.ts';
import { readImported } from '../push/push.ts';

/** Of every command that asks an adapter with eyes about pictures. */
export interface SeeingFlags {
  readonly model: string;
  readonly adapter: string;
  readonly heldOut: number;
  readonly split?: string;
  readonly out?: string;
  readonly record?: boolean;
  readonly json?: boolean;
}

/** The options of `SeeingFlags`. */
export function addSeeingOptions(command: Command): Command {
  return command
    .option('-m, --model <id>', 'the base of the adapter', SMALL_MODEL_ID)
    .requiredOption('--adapter <folder>', 'what thimble finetune --images has written')
    .option(
      '--held-out <share>',
      'share of the pictures that the training held out, by the hash of their files',
      parseNumber(0, 1),
      0.05,
    )
    .option('--split <name>', 'ask about the rows of this "split" in place of those');
}

/** The options for what is found, which come last. */
export function addSeeingResults(command: Command, what: string): Command {
  return command
    .option('--out <file>', `write a line of JSON for each ${what}`)
    .option('--record', "write what is found into record.json in the adapter's folder, with hashes")
    .option('--json', 'print one JSON object');
}

/** What was found by a measurement named `part`, where the flags want it. @throws {EngineError} E_DISK */
export async function keepSeeingResults(
  { adapter, split, out, record }: SeeingFlags,
  part: string,
  rows: readonly PictureRow[],
  { report, told }: { readonly report: object; readonly told: readonly object[] },
): Promise<void> {
  if (out !== undefined)
    await writeFile(out, told.map((one) => `${JSON.stringify(one)}\n`).join(''));
  if (record !== true) return;
  const asked = rows.filter((row) => split === undefined || row.split === split);
  await addToRecord(adapter, part, [...new Set(asked.map(({ file }) => file))], report);
}

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
