/** `thimble eval retrieval`. */
import process from 'node:process';
import { Option } from 'commander';
import type { Command } from 'commander';
import { SEARCH_MODES } from '../../worker/apis/retrieval/object/search.ts';
import { withBenchServer } from '../bench/bench-server.ts';
import { ensureModel } from '../dev/prepare.ts';
import { addDocuments, QUESTION_FILES, readQuestions } from '../eval/answers.ts';
import { formatEstimate } from '../eval/intervals.ts';
import { rankOf, rankReport } from '../eval/retrieval.ts';
import type { RankReport, SearchWay } from '../eval/retrieval.ts';
import { parseCount } from '../lib/arguments.ts';
import { ProgressLine } from '../lib/progress.ts';
import { DEFAULT_ENCODER_ID } from '../pull/catalogue.ts';

export const RETRIEVAL_EXAMPLES = `
Examples:
  thimble eval retrieval
  thimble eval retrieval --mode hybrid --rerank bge-reranker-v2-m3 --every 10 --json
`;

interface RetrievalFlags {
  readonly embedding: string;
  readonly mode: readonly string[];
  readonly rerank: readonly string[];
  readonly every: number;
  readonly json?: boolean;
}

export function addRetrievalCommand(command: Command): void {
  command
    .command('retrieval')
    .description(
      'Searches 20 documents for the answers to 170 questions in their words and 60 in other words, on a server of its ' +
        'own: how often the passage with the answer comes first, by each mode of searching and with models that rank ' +
        'the best 20 passages again.',
    )
    .option('--embedding <id>', 'an embedding model', DEFAULT_ENCODER_ID)
    .addOption(
      new Option('--mode <mode...>', 'ways to search').choices(SEARCH_MODES).default(SEARCH_MODES),
    )
    .option('--rerank <id...>', 'models that rank the passages again', [])
    .option('--every <n>', 'ask every n-th question only', parseCount(1), 1)
    .option('--json', 'print one JSON object')
    .addHelpText('after', RETRIEVAL_EXAMPLES)
    .action(runRetrieval);
}

async function runRetrieval(flags: RetrievalFlags): Promise<void> {
  const { embedding, mode: modes, rerank, every, json } = flags;
  const models = [...new Set([embedding, ...rerank])];
  for (const id of models) await ensureModel(id);
  const ways: SearchWay[] = [undefined, ...rerank].flatMap((model) =>
    modes.map((mode) => ({ mode, ...(model === undefined ? {} : { rerank: model }) })),
  );
  const sets = await Promise.all(Object.entries(QUESTION_FILES).map(readSet));
  const asked = sets.map(({ set, questions }) => ({
    set,
    questions: questions.filter((_, i) => i % every === 0),
  }));
  const total = asked.reduce((sum, { questions }) => sum + questions.length, 0);
  const progress = new ProgressLine('searching: ');
  const reports: RankReport[] = [];
  let done = 0;
  await withBenchServer({ models }, async ({ server }) => {
    await addDocuments(server.url);
    for (const { set, questions } of asked) {
      const ranks = ways.map((): (number | null)[] => []);
      for (const question of questions) {
        for (const [i, way] of ways.entries())
          ranks[i]!.push(await rankOf(server.url, question, way));
        progress.update({ done: ++done, total, unit: 'items' });
      }
      reports.push(...ways.map((way, i) => rankReport(set, way, ranks[i]!)));
    }
  });
  progress.finish('done');
  process.stdout.write(
    json === true
      ? `${JSON.stringify({ embedding, reports })}\n`
      : `${reports.map(describe).join('\n')}\n`,
  );
}

async function readSet([set, file]: readonly [string, string]) {
  const questions = await readQuestions(file);
  return { set, questions: questions.filter(({ document }) => document !== null) };
}

function describe({ set, mode, rerank, ...report }: RankReport): string {
  return [
    `${report.questions} ${set}, ${mode}${rerank === undefined ? '' : `, ranked again by ${rerank}`}`,
    `  first: ${formatEstimate(report.first)}`,
    `  among the first two: ${formatEstimate(report.firstTwo)}`,
    `  among the first three: ${formatEstimate(report.firstThree)}`,
    `  mean reciprocal rank: ${formatEstimate(report.reciprocalRank)}`,
  ].join('\n');
}
