/** `thimble eval extraction`. */
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { formatEstimate } from '../eval/intervals.ts';
import { extractionFiles, readExtraction, writeExtraction } from '../finetune/extraction/data.ts';
import {
  evaluateExtraction,
  type ExtractionReport,
  MODES,
  nAnswer,
} from '../finetune/extraction/evaluate.ts';
import {
  EXTRACTION_DEFAULTS,
  LEARNED_FAMILIES,
  makeExtraction,
} from '../finetune/extraction/make.ts';
import { evaluateNames, type NameReport, nameItems } from '../finetune/extraction/names.ts';
import type { ExtractionScore } from '../finetune/extraction/score.ts';
import { writeRecord } from '../finetune/measure/record.ts';
import { parseCount } from '../lib/arguments.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { SMALL_MODEL_ID } from '../pull/catalogue.ts';
import { type MeasureFlags, measuredFolders, openMeasured, withAnswers } from './eval-adapter.ts';

export const EXTRACTION_EXAMPLES = `
Examples:
  thimble eval extraction --make extraction   # texts with schemas, the same each time
  thimble finetune -m smollm2-135m-instruct --data extraction/train.jsonl --epochs 1 --rate 0.001 --max-tokens 320 --held-out 0.02 --halves --out extractor
  thimble eval extraction --adapter extractor --data extraction
  thimble eval extraction --adapter extractor --names   # whether names of some people are read worse
`;

interface ExtractionFlags extends MeasureFlags {
  readonly most?: number;
  readonly names?: boolean;
  readonly train: number;
  readonly test: number;
  readonly choice: number;
  readonly seed: number;
}

export function addExtractionCommand(command: Command): void {
  const d = EXTRACTION_DEFAULTS;
  command
    .command('extraction')
    .description(
      'How well a model and its adapter extract JSON of a schema from texts, of families of schemas that were never learned: ' +
        'micro F1 of fields and share of whole objects, freely and under the grammar of the schema, the base with the best ' +
        'of several prompts. --make writes texts and schemas for it.',
    )
    .option('-m, --model <id>', 'the base of the adapter', SMALL_MODEL_ID)
    .option('--adapter <folder>', 'the folder of the adapter')
    .option('--data <folder>', 'the folder that --make wrote')
    .option('--most <n>', 'texts to measure on (default: all of the folder)', parseCount(1))
    .option('--names', 'only measure how well names of people of six regions are read')
    .option('--record', "write record.json into the adapter's folder: hashes, and what is found")
    .option('--out <file>', 'write a line of JSON for each answer')
    .option('--make <folder>', 'only write texts: to learn, to measure on, to choose a prompt by')
    .option('--train <n>', 'of --make: texts to learn', parseCount(16), d.nTrain)
    .option('--test <n>', 'of --make: texts to measure on', parseCount(1), d.nTest)
    .option('--choice <n>', 'of --make: others to choose a prompt by', parseCount(1), d.nChoice)
    .option('--seed <n>', 'of --make', parseCount(0), d.seed)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXTRACTION_EXAMPLES)
    .action(runExtraction);
}

async function runExtraction(flags: ExtractionFlags): Promise<void> {
  const { make, train, test, choice, seed } = flags;
  if (make !== undefined) {
    await writeExtraction(
      make,
      makeExtraction({ nTrain: train, nTest: test, nChoice: choice, seed }),
    );
    process.stdout.write(
      `${make}: ${train} texts of ${LEARNED_FAMILIES.length} families to learn; of others ${test} to measure on and ${choice} to choose by\n`,
    );
    return;
  }
  if (flags.names === true) return await measureNames(flags);
  const { folder, dataFolder } = measuredFolders(flags);
  const read = await readExtraction(dataFolder);
  const data = { ...read, test: read.test.slice(0, flags.most) };
  const { local, adapter } = await openMeasured(flags.model, folder);
  const report = await withAnswers({ total: nAnswer(data), out: flags.out }, (onAnswer) =>
    evaluateExtraction(local, adapter, data, { signal: interruptSignal, onAnswer }),
  );
  if (flags.record === true) await writeRecord(folder, extractionFiles(dataFolder), report);
  process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : describe(report));
}

/** @throws {EngineError} E_USAGE without an adapter */
async function measureNames({ model, adapter: folder, out, json }: ExtractionFlags): Promise<void> {
  if (folder === undefined)
    throw new EngineError('E_USAGE', 'eval: --names: expected --adapter. Give its folder.');
  const { local, adapter } = await openMeasured(model, folder);
  const report = await withAnswers({ total: nameItems().length, out }, (onAnswer) =>
    evaluateNames(local, adapter, { signal: interruptSignal, onAnswer }),
  );
  process.stdout.write(json === true ? `${JSON.stringify(report)}\n` : describeNames(report));
}

function describeNames({ groups, nName, nText }: NameReport): string {
  const lines = Object.entries(groups).map(
    ([group, estimate]) => `  ${group}: ${formatEstimate(estimate)}\n`,
  );
  return `${nName} names in ${nText} texts, read to the letter\n${lines.join('')}`;
}

const TITLES = { free: 'written freely', constrained: 'under the grammar of the schema' } as const;

function describe(report: ExtractionReport): string {
  const row = (name: string, { fieldF1, objects, parsed }: ExtractionScore): string =>
    `  ${name}: fields F1 ${formatEstimate(fieldF1)}, whole objects ${formatEstimate(objects)}, JSON ${formatEstimate(parsed)}\n`;
  const modes = MODES.map((mode) => {
    const { prompts, basePrompt, base, adapter } = report.modes[mode];
    const chosen = prompts.map(({ name, f1 }) => `  ${name}: F1 ${f1.toFixed(3)}\n`).join('');
    return `${TITLES[mode]}: prompts on ${report.nChoice} texts to choose by
${chosen}on ${report.nTest} texts
${row(`the base, ${basePrompt}`, base)}${row('the adapter', adapter)}`;
  });
  return `${report.model}, families ${report.families.join(', ')}\n${modes.join('')}`;
}
