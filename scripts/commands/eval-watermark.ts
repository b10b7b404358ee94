/** `thimble eval watermark`. */
import process from 'node:process';
import type { Command } from 'commander';
import { formatEstimate } from '../eval/intervals.ts';
import { readTextFile } from '../eval/passages.ts';
import { contextTokens, FALSE_POSITIVE_RATE, measureWatermark } from '../eval/watermark.ts';
import type { QualityRow, WatermarkReport } from '../eval/watermark.ts';
import { ensureModel } from '../dev/prepare.ts';
import { DEFAULT_MODEL_ID } from '../pull/catalogue.ts';
import { parseCount } from '../lib/arguments.ts';
import { ProgressLine } from '../lib/progress.ts';
import { loadLocalModel } from '../node-host/engine.ts';

export const WATERMARK_EXAMPLES = `
Examples:
  thimble eval watermark -m qwen2.5-coder-0.5b-instruct --file stories.txt
  thimble eval watermark -m smollm2-135m-instruct --file stories.txt --prompts 20 --tokens 200 --json
`;

interface WatermarkFlags {
  readonly model: string;
  readonly file: string;
  readonly prompts: number;
  readonly seeds: number;
  readonly tokens: number;
  readonly json?: boolean;
}

export function addWatermarkCommand(command: Command): void {
  command
    .command('watermark')
    .description(
      'Measures the watermark at temperature 1: true and false positives by length, perplexity and repetition ' +
        'with and without it.',
    )
    .option('-m, --model <id>', 'a text model; one of the catalogue is pulled', DEFAULT_MODEL_ID)
    .requiredOption(
      '--file <path>',
      'a UTF-8 text of people: prompts, and texts without a watermark',
    )
    .option('--prompts <n>', 'passages to go on from', parseCount(1), 100)
    .option('--seeds <n>', 'texts of each prompt', parseCount(1), 2)
    .option('--tokens <n>', 'tokens of a text', parseCount(25), 400)
    .option('--json', 'print one JSON object')
    .addHelpText('after', WATERMARK_EXAMPLES)
    .action(runWatermark);
}

async function runWatermark(flags: WatermarkFlags): Promise<void> {
  const corpus = await readTextFile(flags.file, 'eval', '--file');
  await ensureModel(flags.model);
  const model = await loadLocalModel(flags.model, { nCtx: contextTokens(flags.tokens) });
  const progress = new ProgressLine('writing: ');
  const report = await measureWatermark(model, corpus, {
    nPrompt: flags.prompts,
    nSeed: flags.seeds,
    nToken: flags.tokens,
    onProgress: (done, total) => progress.update({ done, total, unit: 'items' }),
  });
  progress.finish('done');
  const text =
    flags.json === true
      ? JSON.stringify({ model: flags.model, preset: model.manifest.preset, ...report })
      : reportText(report);
  process.stdout.write(`${text}\n`);
}

function reportText({ nText, lengths, marked, plain, difference }: WatermarkReport): string {
  const rows = lengths.map(
    ({ tokens, truePositives, falsePositives, falsePositivesHuman, medianZ }) =>
      `${String(tokens).padStart(4)} tokens: found ${formatEstimate(truePositives)}, ` +
      `false alarms ${formatEstimate(falsePositives, 4)}, in human text ` +
      `${formatEstimate(falsePositivesHuman, 4)}, median z ${medianZ.toFixed(1)}`,
  );
  return [
    `${nText} texts with and ${nText} without, found at p < ${FALSE_POSITIVE_RATE}; 95 % intervals`,
    ...rows,
    `with:    ${qualityText(marked)}`,
    `without: ${qualityText(plain)}`,
    `difference: ${formatEstimate(difference.nllNats, 4)} nats a token, ` +
      `repetition ${formatEstimate(difference.repetition, 4)}`,
  ].join('\n');
}

function qualityText({ perplexity, repetition, alike }: QualityRow): string {
  return (
    `perplexity ${formatEstimate(perplexity, 2)}, repetition ${formatEstimate(repetition)}` +
    (alike === null ? '' : `, alike ${formatEstimate(alike)}`)
  );
}
