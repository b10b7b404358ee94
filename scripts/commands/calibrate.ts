/** `thimble calibrate`: which columns of a model's matrices matter, from a text. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { measureColumns } from '../eval/calibrate.ts';
import { readTextFile } from '../eval/passages.ts';
import { windowsFor } from '../import/precision/compare.ts';
import { calibrationPath, writeCalibration } from '../import/precision/calibration.ts';
import { ensureModel } from '../dev/prepare.ts';
import { DEFAULT_MODEL_ID } from '../pull/catalogue.ts';
import { parseCount } from '../lib/arguments.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { loadLocalModel } from '../node-host/engine.ts';
import { repoRoot } from '../lib/paths.ts';
import { ProgressLine } from '../lib/progress.ts';

/** Stories, letters, code, recipes and conversations, about 1,700 tokens, written for this. */
const BUILT_IN_TEXT = join(repoRoot, 'assets/texts/calibration.txt');

const EXAMPLES = `
Examples:
  thimble calibrate -m my-model
  thimble calibrate -m my-model --text ours.txt --out ours.safetensors
  thimble import model-F16.gguf --id small --preset q4m --calibration auto
`;

interface CalibrateFlags {
  readonly model: string;
  readonly text?: string;
  readonly maxTokens: number;
  readonly out?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('calibrate')
    .summary('measure which weights matter most')
    .description(
      'Runs a text through an imported model and writes the mean square of every input column of ' +
        "every matrix: import's --calibration weighs errors by it.",
    )
    .option(
      '-m, --model <id>',
      'a text model, of the highest precision available',
      DEFAULT_MODEL_ID,
    )
    .option(
      '--text <file>',
      'a UTF-8 text like what the model will be used for (default: built in)',
    )
    .option('--max-tokens <n>', 'number of tokens of it to use', parseCount(2), 16_384)
    .option('--out <file>', "where to write (default: the cache, where 'auto' finds it)")
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(runCalibrate);
}

async function runCalibrate(flags: CalibrateFlags): Promise<void> {
  const text =
    flags.text === undefined
      ? await readFile(BUILT_IN_TEXT, 'utf8')
      : await readTextFile(flags.text, 'calibrate', '--text');
  await ensureModel(flags.model);
  const model = await loadLocalModel(flags.model);
  const { sourceSha256, tensors } = model.manifest;
  const path = flags.out ?? (sourceSha256 === null ? null : calibrationPath(sourceSha256));
  if (path === null)
    throw new EngineError(
      'E_USAGE',
      `calibrate: ${flags.model} was imported from several files. Name a file with --out.`,
    );
  const windows = windowsFor(model, [{ text, special: false }], flags.maxTokens);
  const nTokens = windows.reduce((sum, { length }) => sum + length, 0);
  const widths = new Map(
    tensors.filter(({ shape }) => shape[0] > 1).map(({ name, shape }) => [name, shape[1]]),
  );
  const progress = new ProgressLine('calibrating: ');
  const columns = await measureColumns(model.engine, windows, widths, interruptSignal, (done) =>
    progress.update({ done, total: windows.length, unit: 'items' }),
  );
  progress.finish('done');
  await writeCalibration(path, { sourceSha256, nTokens, columns });
  process.stdout.write(
    flags.json
      ? `${JSON.stringify({ model: flags.model, path, nTokens, tensors: columns.size, sourceSha256 })}\n`
      : `${flags.model}: ${columns.size} matrices over ${nTokens} tokens, in ${path}\n`,
  );
}
