/** `thimble eval prefix`. */
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { isTrainedPrefix } from '../../engine/adapters/prefix.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import { build } from '../build/build.ts';
import { ensureModel } from '../dev/prepare.ts';
import { formatEstimate } from '../eval/intervals.ts';
import { CHRONICLE_DEFAULTS, makeChronicle } from '../finetune/document/chronicle.ts';
import {
  evaluatePrefix,
  loadWithPrefix,
  type PrefixReport,
  SETTINGS,
  type Setting,
} from '../finetune/document/evaluate.ts';
import { readDocument, readDocumentQuestions } from '../finetune/document/passages.ts';
import { DOCUMENT_DEFAULTS } from '../finetune/config.ts';
import { openAdapter } from '../import/open/open-adapter.ts';
import { parseCount } from '../lib/arguments.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { modelsDir } from '../lib/paths.ts';
import { ProgressLine } from '../lib/progress.ts';
import { readTokenizer } from '../node-host/model-files.ts';
import { SMALL_MODEL_ID } from '../pull/catalogue.ts';
import { readImported } from '../push/push.ts';

export const PREFIX_EXAMPLES = `
Examples:
  thimble eval prefix --make chronicle   # writes a document and questions about it, the same each time
  thimble finetune -m smollm2-135m-instruct --document chronicle/document.txt --questions chronicle/questions.jsonl --out prefix
  thimble eval prefix --prefix prefix --document chronicle/document.txt --questions chronicle/held-out.jsonl
`;

interface PrefixFlags {
  readonly model: string;
  readonly make?: string;
  readonly villages: number;
  readonly seed: number;
  readonly prefix?: string;
  readonly document?: string;
  readonly questions?: string;
  readonly passageTokens: number;
  readonly whole?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

export function addPrefixCommand(command: Command): void {
  const d = CHRONICLE_DEFAULTS;
  command
    .command('prefix')
    .description(
      'Asks questions about a document of a model with a trained prefix, with the passage that answers in context, and ' +
        'with neither: shares of right answers, and how much less of a cache the prefix takes.',
    )
    .option('-m, --model <id>', 'the base of the prefix', SMALL_MODEL_ID)
    .option('--prefix <folder>', 'the folder of the trained prefix')
    .option('--document <file>', 'the text that it is of')
    .option('--questions <file>', 'JSONL: {"question", "answer", "quote"}, the quote from the text')
    .option(
      '--passage-tokens <n>',
      'tokens of a passage in context',
      parseCount(32),
      DOCUMENT_DEFAULTS.passageTokens,
    )
    .option('--whole', 'also with the whole document in context, where the model has as much')
    .option('--out <file>', 'write a line of JSON for each answer')
    .option(
      '--make <folder>',
      'only write a made-up document, questions to learn, and others to ask',
    )
    .option('--villages <n>', 'of the made-up document: villages in it', parseCount(1), d.nVillage)
    .option('--seed <n>', 'of the made-up document', parseCount(0), d.seed)
    .option('--json', 'print one JSON object')
    .addHelpText('after', PREFIX_EXAMPLES)
    .action(runPrefix);
}

async function runPrefix(flags: PrefixFlags): Promise<void> {
  if (flags.make !== undefined) return await writeChronicle(flags.make, flags);
  const { model, prefix, document: file, questions: asked, passageTokens } = flags;
  if (prefix === undefined || file === undefined || asked === undefined)
    throw new EngineError(
      'E_USAGE',
      'eval: expected --prefix, --document and --questions, or --make. Give them.',
    );
  await build();
  await ensureModel(model);
  const folder = join(modelsDir(), model);
  const manifest = requireKind((await readImported(folder, model)).manifest, 'decoder');
  const adapter = await openAdapter(prefix, manifest);
  if (!isTrainedPrefix(adapter))
    throw new EngineError('E_USAGE', `eval: ${prefix} is a low-rank adapter; expected a prefix.`);
  const tokenizer = await readTokenizer(folder, manifest);
  const document = await readDocument(file, tokenizer, passageTokens);
  const questions = await readDocumentQuestions(asked, document);
  if (questions.some(({ answer }) => answer === null))
    throw new EngineError(
      'E_USAGE',
      `eval: ${asked}: expected an "answer" in every row, which a right answer has in it. Add it.`,
    );
  const nWhole = document.tokens.length;
  const asksDocument = flags.whole === true && nWhole < manifest.config.nCtx;
  const nTokens = asksDocument ? nWhole : passageTokens;
  const local = await loadWithPrefix(model, manifest, adapter, nTokens);
  const progress = new ProgressLine('asking: ');
  const total = questions.length * (asksDocument ? SETTINGS.length : SETTINGS.length - 1);
  const lines: string[] = [];
  const report = await evaluatePrefix(local, adapter, document, questions, {
    ...{ asksDocument, signal: interruptSignal },
    onAnswer: (told) => {
      lines.push(JSON.stringify(told));
      progress.update({ done: lines.length, total, unit: 'items' });
    },
  });
  progress.finish('done');
  if (flags.out !== undefined) await appendFile(flags.out, `${lines.join('\n')}\n`);
  process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : describe(report));
}

const TITLES: Readonly<Record<Setting, string>> = {
  nothing: 'with the question alone',
  prefix: 'with the prefix',
  passage: 'with the passage in context',
  document: 'with the whole document in context',
};

function describe(report: PrefixReport): string {
  const { right, ofPassage, ofDocument } = report;
  const rows = SETTINGS.flatMap((setting) => {
    const found = right[setting];
    return found === null ? [] : [`  ${TITLES[setting]}: ${formatEstimate(found)}`];
  });
  const whole = ofDocument === null ? '' : `, ${ofDocument.toFixed(2)} of those with the document`;
  return `${report.model}, ${report.nQuestion} questions, right
${rows.join('\n')}
the prefix: ${ofPassage.toFixed(2)} of the right answers with the passage${whole}, in ${report.prefixPositions} positions of a cache for ${report.documentTokens} (1/${report.cacheRatio.toFixed(1)})
`;
}

async function writeChronicle(
  folder: string,
  { villages: nVillage, seed }: PrefixFlags,
): Promise<void> {
  const { text, learned, heldOut } = makeChronicle({ nVillage, seed });
  await mkdir(folder, { recursive: true });
  const rows = (all: readonly object[]): string =>
    all.map((row) => `${JSON.stringify(row)}\n`).join('');
  const file = (name: string): string => join(folder, name);
  await writeFile(file('document.txt'), text);
  await writeFile(file('questions.jsonl'), rows(learned));
  await writeFile(file('held-out.jsonl'), rows(heldOut));
  process.stdout.write(
    `${folder}: document.txt, ${learned.length} questions to learn, ${heldOut.length} others to ask\n`,
  );
}
