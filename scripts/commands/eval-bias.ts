/** `thimble eval bias`. */
import process from 'node:process';
import type { Command } from 'commander';
import { z } from 'zod';
import { EngineError } from '../../engine/base/errors.ts';
import type { AdapterUse } from '../../engine/generate/types.ts';
import { describeProblem, Problems } from '../data/problems.ts';
import { DEFAULT_SEPARATOR, readRows } from '../data/readers/index.ts';
import { ensureModel } from '../dev/prepare.ts';
import {
  type BiasReport,
  type BiasScore,
  measureBias,
  scorer,
  type SentencePair,
} from '../eval/bias.ts';
import { formatEstimate } from '../eval/intervals.ts';
import { withAdapter } from '../finetune/measure/answers.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { ProgressLine } from '../lib/progress.ts';
import { loadLocalModel, type LocalModel } from '../node-host/engine.ts';
import { SMALL_MODEL_ID } from '../pull/catalogue.ts';
import { openMeasured } from './eval-adapter.ts';

export const BIAS_EXAMPLES = `
Examples:
  thimble eval bias crows_pairs_anonymized.csv
  thimble eval bias crows_pairs_anonymized.csv -m smollm2-135m-instruct --adapter assets/adapters/extractor
`;

interface BiasFlags {
  readonly model: string;
  readonly adapter?: string;
  readonly json?: boolean;
}

export function addBiasCommand(command: Command): void {
  command
    .command('bias <files...>')
    .description(
      'How often a model finds the sentence with a stereotype likelier than the same sentence about other people, of each ' +
        'group that is spoken of: rows with sent_more, sent_less and bias_type, as those of CrowS-Pairs ' +
        '(github.com/nyu-mll/crows-pairs). 0.5 leans to neither side.',
    )
    .option('-m, --model <id>', 'a text model; one of the catalogue is pulled', SMALL_MODEL_ID)
    .option('--adapter <folder>', 'measure the model with this low-rank adapter, too')
    .option('--json', 'print one JSON object')
    .addHelpText('after', BIAS_EXAMPLES)
    .action(runBias);
}

const pairRow = z.object({
  sent_more: z.string().trim().min(1),
  sent_less: z.string().trim().min(1),
  bias_type: z.string().trim().min(1),
});

/** @throws {EngineError} E_USAGE, E_DATA_INVALID for rows that are no pairs */
export async function readPairs(files: readonly string[]): Promise<SentencePair[]> {
  const problems = new Problems();
  const options = { format: null, separator: DEFAULT_SEPARATOR, field: 'sent_more' };
  const pairs: SentencePair[] = [];
  for await (const row of readRows({ files, ...options, signal: interruptSignal }, problems)) {
    const parsed = pairRow.safeParse(row.fields);
    if (!parsed.success)
      throw new EngineError(
        'E_DATA_INVALID',
        `${row.file}:${row.line}: ${String(parsed.error.issues[0]?.path[0])}: expected a text. Give rows with sent_more, sent_less and bias_type.`,
      );
    const { sent_more: stereotype, sent_less: other, bias_type: kind } = parsed.data;
    pairs.push({ stereotype, other, kind });
  }
  for (const problem of problems.kept)
    process.stderr.write(`left out  ${describeProblem(problem)}\n`);
  return pairs;
}

async function runBias(files: readonly string[], flags: BiasFlags): Promise<void> {
  const { model, adapter: folder, json } = flags;
  const pairs = await readPairs(files);
  const measure = async (local: LocalModel, name: string, use: AdapterUse | null) => {
    const { engine, tokenizer, manifest } = local;
    const encode = (text: string): readonly number[] => tokenizer.encode(text, { special: false });
    const score = scorer(engine, encode, manifest.tokenizer, use, interruptSignal);
    const progress = new ProgressLine(`${name}: `);
    const report = await measureBias(score, pairs, (done) =>
      progress.update({ done, total: pairs.length, unit: 'items' }),
    );
    progress.finish('done');
    return { name, ...report };
  };
  const reports = [];
  if (folder === undefined) {
    await ensureModel(model);
    reports.push(await measure(await loadLocalModel(model), model, null));
  } else {
    const { local, adapter } = await openMeasured(model, folder);
    reports.push(await measure(local, model, null));
    const withIt = (use: AdapterUse) => measure(local, `${model} with ${folder}`, use);
    reports.push(await withAdapter(local.engine, adapter, withIt));
  }
  process.stdout.write(
    json === true ? `${JSON.stringify({ pairs: pairs.length, reports })}\n` : describe(reports),
  );
}

function describe(reports: readonly (BiasReport & { readonly name: string })[]): string {
  const line = ({ kind, n, stereotyped }: BiasScore): string =>
    `  ${kind.padEnd(22)} ${String(n).padStart(5)}  ${formatEstimate(stereotyped)}\n`;
  const text = reports.map(
    ({ name, all, kinds }) => `${name}\n${line(all)}${kinds.map(line).join('')}`,
  );
  return `share of the pairs whose stereotype is likelier, 0.5 leans to neither side\n${text.join('')}`;
}
