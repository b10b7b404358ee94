/** `thimble eval answers`. */
import { appendFile, readFile } from 'node:fs/promises';
import process from 'node:process';
import { Option } from 'commander';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { withBenchServer } from '../bench/bench-server.ts';
import { ensureModel } from '../dev/prepare.ts';
import {
  addDocuments,
  type Asked,
  askQuestion,
  type ModeReport,
  MODES,
  type Question,
  QUESTION_FILES,
  readQuestions,
  reportOf,
} from '../eval/answers.ts';
import { formatEstimate } from '../eval/intervals.ts';
import { parseCount } from '../lib/arguments.ts';
import { ProgressLine } from '../lib/progress.ts';
import { DEFAULT_MODEL_ID } from '../pull/catalogue.ts';

export const ANSWERS_EXAMPLES = `
Examples:
  thimble eval answers -m qwen2.5-coder-0.5b-instruct
  thimble eval answers --every 20 --out answers.jsonl
  thimble eval answers --questions paraphrases --no-rerank
`;

interface AnswersFlags {
  readonly model: string;
  readonly embedding: string;
  readonly rerank?: string | false;
  readonly questions: keyof typeof QUESTION_FILES;
  readonly every: number;
  readonly offEvery: number;
  readonly out?: string;
}

export function addAnswersCommand(command: Command): void {
  command
    .command('answers')
    .description(
      'Asks 200 questions about 20 documents of a collection on a server of its own, with and without the check of ' +
        'answers: shares of answers that are right, and of those with a figure that the cited text does not have.',
    )
    .option('-m, --model <id>', 'a text model; one of the catalogue is pulled', DEFAULT_MODEL_ID)
    .option('--embedding <id>', 'an embedding model', 'all-minilm-l6-v2')
    .option('--rerank <id>', 'a model that ranks the passages again (default: as the server does)')
    .option('--no-rerank', 'leave the passages in the order of the search')
    .addOption(
      new Option('--questions <set>', 'which questions: in words of the documents, or in others')
        .choices(Object.keys(QUESTION_FILES))
        .default('questions'),
    )
    .option('--every <n>', 'ask every n-th question only', parseCount(1), 1)
    .option('--off-every <n>', 'ask every n-th of them without the check, too', parseCount(1), 1)
    .option(
      '--out <path>',
      'write a line of JSON for each question; the same command goes on with it',
    )
    .addHelpText('after', ANSWERS_EXAMPLES)
    .action(runAnswers);
}

async function runAnswers(flags: AnswersFlags): Promise<void> {
  const { model, embedding, rerank, every, offEvery, out } = flags;
  const all = await readQuestions(QUESTION_FILES[flags.questions]);
  const questions = all.filter((_, i) => i % every === 0);
  const models = [...new Set([model, embedding, ...(typeof rerank === 'string' ? [rerank] : [])])];
  for (const id of models) await ensureModel(id);
  const asked = out === undefined ? [] : await readAsked(out, questions);
  const progress = new ProgressLine('asking: ');
  await withBenchServer({ models }, async ({ server }) => {
    await addDocuments(server.url);
    for (const question of questions.slice(asked.length)) {
      const asksOff = asked.length % offEvery === 0;
      asked.push(await askQuestion(server.url, model, question, asksOff, rerank));
      if (out !== undefined) await appendFile(out, `${JSON.stringify(asked.at(-1))}\n`);
      progress.update({ done: asked.length, total: questions.length, unit: 'items' });
    }
  });
  progress.finish('done');
  const reports = MODES.map((mode) => reportOf(mode, asked));
  process.stdout.write(`${reports.map(describe).join('\n')}\n`);
  process.stdout.write(
    `${JSON.stringify({ model, embedding, rerank, questions: asked.length, reports })}\n`,
  );
}

/** What a run that was cut off has asked: its lines are those of the first questions. */
async function readAsked(path: string, questions: readonly Question[]): Promise<Asked[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line !== '');
  const asked = lines.map((line) => JSON.parse(line) as Asked);
  const isSame = asked.every(({ question }, i) => question.question === questions[i]?.question);
  if (isSame) return asked;
  throw new EngineError(
    'E_USAGE',
    `eval: ${path} has other questions. Give another --out, or delete it.`,
  );
}

const TITLES: Readonly<Record<keyof Omit<ModeReport, 'mode' | 'answers'>, string>> = {
  right: 'right',
  wrong: 'wrong',
  abstained: 'said that the documents do not say',
  foreignFigure: 'with a figure that is not in the cited text',
  wrongFigure: "wrong with a figure, in the model's words",
  rightAnswerable: 'right, of questions with an answer',
  citedRight: 'cite the right place, of questions with an answer',
  rightUnanswerable: 'right, of questions without an answer',
};

function describe(report: ModeReport): string {
  const lines = Object.entries(TITLES).map(([key, title]) => {
    const estimate = formatEstimate(report[key as keyof typeof TITLES]);
    return `  ${title}: ${estimate}`;
  });
  return [`${report.mode}, ${report.answers} answers`, ...lines].join('\n');
}
