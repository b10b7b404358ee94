/**
 * The numbers of docs/tasks.md, on real data that is not in the repository:
 * node scripts/eval/measure-tasks.ts MODEL labeled_data.csv fra.txt [rows of each kind]
 * (github.com/t-davidson/hate-speech-and-offensive-language; manythings.org/anki, from Tatoeba).
 */
import process from 'node:process';
import * as tasks from '../../worker/serving/tasks/index.ts';
import { runTask, type Task } from '../../worker/serving/tasks/task.ts';
import { checkBody } from '../../worker/http/body/json-body.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { loadLocalModel } from '../node-host/engine.ts';
import { localTaskHost } from '../node-host/task.ts';
import { chrf } from './chrf.ts';
import { readPairs, readTweets } from './labelled-texts.ts';
import type { LabelledText } from './labelled-texts.ts';

const [modelId = '', toxicity = '', tatoeba = '', rows = '50'] = process.argv.slice(2);
const nRow = Number(rows);
const host = localTaskHost(await loadLocalModel(modelId), interruptSignal);

type Answer = Readonly<Record<string, unknown>>;
interface LabelRow {
  readonly label: string;
  readonly likelihood: number;
}

async function ask(task: Task, body: object): Promise<Answer> {
  let answer: Answer = {};
  for await (const event of runTask(task, host, checkBody(body, task.body)))
    if (event.type === 'done') answer = event.answer as Answer;
  return answer;
}

async function measureClassify(name: string, examples: readonly LabelledText[]): Promise<void> {
  const labels = [...new Set(examples.map(([, label]) => label))];
  let nRight = 0;
  let nRightRaw = 0;
  for (const [text, label] of examples) {
    const answer = await ask(tasks.classify, { text, labels });
    const likeliest = (answer['labels'] as readonly LabelRow[]).reduce((a, b) =>
      b.likelihood > a.likelihood ? b : a,
    );
    if (answer['label'] === label) nRight++;
    if (likeliest.label === label) nRightRaw++;
  }
  console.log(`${name}: ${nRight} of ${examples.length}, uncalibrated ${nRightRaw}`);
}

const tweets = [
  ...readTweets(toxicity, '1', 'offensive', nRow),
  ...readTweets(toxicity, '2', 'harmless', nRow),
];
await measureClassify('offensive tweets', tweets);
const pairs = readPairs(tatoeba, nRow);
const languages = pairs.flatMap(([english, french]): LabelledText[] => [
  [english, 'English'],
  [french, 'French'],
]);
await measureClassify('language', languages);
const said: string[] = [];
for (const [english] of pairs) {
  const answer = await ask(tasks.translate, { text: english, target: 'French', source: 'English' });
  said.push(answer['translation'] as string);
}
const references = pairs.map(([, french]) => [french]);
const scoreOf = (texts: readonly string[]): string => chrf(texts, references).toFixed(1);
console.log(
  `English to French: chrF ${scoreOf(said)}, of the English itself ${scoreOf(pairs.map(([english]) => english))}`,
);
