/**
 * How far probabilities of decisions can be trusted, on real data that is not in the repository:
 * node scripts/eval/measure-decisions.ts MODEL labeled_data.csv fra.txt [rows of each kind]
 * (the files of measure-tasks.ts).
 */
import process from 'node:process';
import { decide } from '../../worker/serving/tasks/index.ts';
import { runTask } from '../../worker/serving/tasks/task.ts';
import { checkBody } from '../../worker/http/body/json-body.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { loadLocalModel } from '../node-host/engine.ts';
import { localTaskHost } from '../node-host/task.ts';
import { readPairs, readTweets } from './labelled-texts.ts';
import type { LabelledText } from './labelled-texts.ts';

const [modelId = '', toxicity = '', tatoeba = '', rows = '50'] = process.argv.slice(2);
const nRow = Number(rows);
const host = localTaskHost(await loadLocalModel(modelId), interruptSignal);

const N_BIN = 10;

interface AnswerRow {
  readonly answer: string;
  readonly probability: number;
  readonly likelihood: number;
}
/** Probability of the decided answer, and whether it was right. */
interface Outcome {
  readonly probability: number;
  readonly isRight: boolean;
}

async function answersTo(text: string, question: object): Promise<readonly AnswerRow[]> {
  let answers: readonly AnswerRow[] = [];
  const body = checkBody({ text, questions: [question] }, decide.body);
  for await (const event of runTask(decide, host, body))
    if (event.type === 'done')
      ({ answers } = (
        event.answer as { decisions: { answers: readonly AnswerRow[] }[] }
      ).decisions[0]!);
  return answers;
}

/** Expected calibration error: confidence against share of right ones, in ten bins (Guo et al. 2017, arXiv 1706.04599). */
function calibrationError(outcomes: readonly Outcome[]): number {
  const bins = Map.groupBy(outcomes, ({ probability }) =>
    Math.min(N_BIN - 1, Math.floor(probability * N_BIN)),
  );
  let error = 0;
  for (const bin of bins.values()) {
    const confidence = bin.reduce((sum, { probability }) => sum + probability, 0);
    const nRight = bin.filter(({ isRight }) => isRight).length;
    error += Math.abs(confidence - nRight) / outcomes.length;
  }
  return error;
}

function outcomeOf(
  answers: readonly AnswerRow[],
  label: string,
  kind: 'probability' | 'likelihood',
): Outcome {
  const best = answers.reduce((a, b) => (b[kind] > a[kind] ? b : a));
  return { probability: best[kind], isRight: best.answer === label };
}

async function measure(
  name: string,
  examples: readonly LabelledText[],
  question: { readonly question: string; readonly options?: readonly string[] },
): Promise<void> {
  const made: Record<'probability' | 'likelihood', Outcome[]> = { probability: [], likelihood: [] };
  let sensitivity = 0;
  for (const [text, label] of examples) {
    const answers = await answersTo(text, question);
    for (const kind of ['probability', 'likelihood'] as const)
      made[kind].push(outcomeOf(answers, label, kind));
    if (question.options === undefined) continue;
    const turned = await answersTo(text, { ...question, options: question.options.toReversed() });
    for (const { answer, probability } of turned) {
      const before = answers.find((row) => row.answer === answer)!.probability;
      sensitivity = Math.max(sensitivity, Math.abs(probability - before));
    }
  }
  const shown = (kind: 'probability' | 'likelihood'): string => {
    const nRight = made[kind].filter(({ isRight }) => isRight).length;
    const share = ((100 * nRight) / examples.length).toFixed(0);
    return `${share} % right, calibration error ${calibrationError(made[kind]).toFixed(3)}`;
  };
  console.log(
    `${name}, ${examples.length} texts: ${shown('probability')}; uncalibrated ${shown('likelihood')}` +
      (question.options === undefined
        ? ''
        : `; options the other way round: ${sensitivity.toExponential(1)} at most`),
  );
}

const insult = {
  type: 'predicate',
  question: 'Does this text contain a swear word or an insult? Answer Yes or No.',
};
await measure(
  'offensive tweets',
  [...readTweets(toxicity, '1', 'Yes', nRow), ...readTweets(toxicity, '2', 'No', nRow)],
  insult,
);
const language = {
  type: 'choice',
  question: 'In which language is this text written?',
  options: ['English', 'French'],
};
await measure(
  'language',
  readPairs(tatoeba, nRow).flatMap(([english, french]): LabelledText[] => [
    [english, 'English'],
    [french, 'French'],
  ]),
  language,
);
