/** The end of a training of the small model: its folder, its card, its report. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { importModel } from '../../import/import-model.ts';
import { loadLocalModel } from '../../node-host/engine.ts';
import { writeSamples } from '../write-samples.ts';
import { writeWhole } from '../checkpoint.ts';
import { miniCard } from './card.ts';
import { type Evaluation, answersOf, passesOf } from './evaluate.ts';
import { exportMini } from './export-mini.ts';
import { percent } from './percent.ts';
import { type MiniSample, miniReport } from './report.ts';
import type { MiniRun } from './run-mini.ts';
import type { Score } from './scores.ts';
import { engineScores } from './served.ts';

/** Examples of each source that the report shows. */
const N_SHOWN = 6;
/** Of the model that is served: bytes are a quarter, answers the same but for a few. */
const PRESET = 'q8';
const STORY_PROMPTS = [
  'Once upon a time',
  'Tom and Lily were in the park.',
  'One day, a little dog',
];

export interface MiniResult {
  readonly steps: number;
  readonly nWeight: number;
  readonly seconds: number;
  readonly scores: readonly Score[];
  readonly losses: Readonly<Record<string, number>>;
  /** Of the quantized model in the engine that serves it. */
  readonly served: readonly Score[];
  readonly modelFolder: string;
  /** The quantized model, as it is imported. */
  readonly servedFolder: string;
  readonly reportFile: string;
}

export async function finishMini(run: MiniRun, folder: string): Promise<MiniResult> {
  const { training, evaluation, config, seconds } = run;
  const modelFolder = join(folder, 'model');
  await exportMini(modelFolder, run);
  const card = join(modelFolder, 'README.md');
  // An import reads the licence; what is served is measured after it.
  await writeFile(card, miniCard(run, evaluation.scores));
  const outRoot = join(folder, 'served');
  const about = { name: 'Thimble mini', source: 'npm run train:mini' };
  const quantized = { input: modelFolder, id: config.id, outRoot, preset: PRESET, force: true };
  const { folder: servedFolder } = await importModel({ ...quantized, about });
  const { engine } = await loadLocalModel(config.id, {}, outRoot);
  const sources = run.opened.sources.map(({ source }) => source);
  const { evaluatedAtEnd } = config.training;
  const served = await engineScores(engine, run.vocabulary, sources, evaluatedAtEnd);
  await writeFile(card, miniCard(run, served));
  const stories = run.opened.sources.some(({ source }) => source.name === 'text')
    ? await writeSamples(modelFolder, STORY_PROMPTS, config.seed)
    : [];
  const reportFile = join(folder, 'report.html');
  await writeWhole(reportFile, miniReport(run, samplesOf(run), stories));
  const result: MiniResult = {
    ...{ steps: training.nStep, nWeight: training.nWeight, seconds, modelFolder, reportFile },
    ...{ scores: evaluation.scores, losses: evaluation.losses, served },
    servedFolder,
  };
  await writeWhole(join(folder, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

/** What it says of things that it never learned from. */
function samplesOf({ opened, training, vocabulary, config }: MiniRun): MiniSample[] {
  return opened.sources.flatMap(({ source }) => {
    const passes = [...passesOf(source.heldOut(N_SHOWN), config.training.rows)];
    return passes
      .flatMap((pass) => answersOf(training, pass))
      .map(({ example, answer, ids }) => ({
        ...{ source: source.name, example, question: answer.question, expected: answer.answer },
        said: vocabulary.tokenizer.decode(ids.filter((id) => id !== vocabulary.ids.end)),
      }));
  });
}

/** A line for each kind of answer. */
export function describeScores({ scores, losses }: Evaluation): string {
  const lines = scores.map(({ source, kind, right, asked, unbound }) => {
    const name = source === kind ? kind : `${source}: ${kind}`;
    const without = unbound === null ? '' : `  (words alone ${percent(unbound)})`;
    return `          ${name.padEnd(24)} ${percent(right / asked).padStart(6)} of ${asked}${without}\n`;
  });
  const shown = Object.entries(losses).map(([name, loss]) => `${name} ${loss.toFixed(3)}`);
  return `${lines.join('')}          held-out losses: ${shown.join(', ')}\n`;
}
