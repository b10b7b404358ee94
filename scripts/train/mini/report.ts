/** The training of the small model as a page: curves, scores, what it says of pictures, what it was made from. */
import { encode } from 'fast-png';
import { toBase64 } from '../../../engine/base/base64.ts';
import type { Picture } from '../../../engine/vision/picture.ts';
import { chart, escaped, reportPage, table } from '../report-parts.ts';
import type { Sample } from '../report.ts';
import type { Example } from './example.ts';
import { percent } from './percent.ts';
import type { MiniRun } from './run-mini.ts';

export interface MiniSample {
  readonly source: string;
  readonly example: Example;
  readonly question: string;
  readonly expected: string;
  readonly said: string;
}

export function miniReport(
  run: MiniRun,
  samples: readonly MiniSample[],
  stories: readonly Sample[],
): string {
  const { config, training, nStep, history, seconds, evaluation, opened } = run;
  const facts: readonly (readonly [string, string])[] = [
    ['weights', String(training.nWeight)],
    ['steps', `${training.nStep} of ${nStep}`],
    ['seconds of this run', seconds.toFixed(0)],
    ['seed', String(config.seed)],
  ];
  const left = opened.missing.map(({ name, why }) => [name, `left out: ${why}`] as const);
  const sources = opened.sources.map(
    ({ source: { name, about } }) => [name, `${about.what} (${about.licence})`] as const,
  );
  const told = stories.map(
    ({ prompt, text }) => `<pre><b>${escaped(prompt)}</b>${escaped(text)}</pre>`,
  );
  return reportPage(
    `Training of ${config.id}`,
    `${table(facts)}
<h2>Scores</h2>
<p>Answers to what was never learned from, right word for word, and what the words of the questions alone give away.</p>
${scoreTable(evaluation.scores)}
<h2>Loss</h2>
${chart(history.map(({ step, loss }) => ({ step, loss, heldOutLoss: null })))}
<h2>Scores on the way</h2>
${scoreCurves(history)}
<h2>What it says</h2>
${pictureRows(samples)}
${told.join('\n')}
<h2>What it was made from</h2>
${table([...sources, ...left])}
<h2>Configuration</h2>
<pre>${escaped(JSON.stringify(config, null, 2))}</pre>`,
  );
}

function scoreTable(scores: MiniRun['evaluation']['scores']): string {
  const rows = scores.map(
    ({ source, kind, right, asked, unbound }) =>
      `<tr><td>${escaped(source)}<td>${escaped(kind)}<td>${percent(right / asked)} of ${asked}<td>${unbound === null ? '' : percent(unbound)}`,
  );
  return `<table><tr><td>source<td>question<td>right<td>by words alone${rows.join('\n')}</table>`;
}

/** A row for each evaluation. */
function scoreCurves(history: MiniRun['history']): string {
  const measured = history.filter(({ evaluation }) => evaluation !== null);
  const kinds = [
    ...new Set(measured.flatMap(({ evaluation }) => evaluation!.scores.map(({ kind }) => kind))),
  ];
  const rows = measured.map(({ step, evaluation }) => {
    const cells = kinds.map((kind) => {
      const score = evaluation!.scores.find((one) => one.kind === kind);
      return `<td>${score === undefined ? '' : percent(score.right / score.asked)}`;
    });
    return `<tr><td>${step}${cells.join('')}`;
  });
  return `<table><tr><td>step${kinds.map((kind) => `<td>${escaped(kind)}`).join('')}${rows.join('\n')}</table>`;
}

function pictureRows(samples: readonly MiniSample[]): string {
  const byExample = Map.groupBy(samples, ({ example }) => example);
  const rows = [...byExample].map(([example, said]) => {
    const picture = example.segments.find((segment) => segment.picture !== undefined)?.picture;
    const shown = picture === undefined ? escaped(said[0]!.source) : pictureTag(picture);
    const lines = said.map(({ question, expected, said: answer }) => {
      const right = answer === expected ? '' : ` <i>(right: ${escaped(expected)})</i>`;
      return `${escaped(question)} <b>${escaped(answer)}</b>${right}`;
    });
    return `<tr><td>${shown}<td>${lines.join('<br>')}`;
  });
  return `<table>${rows.join('\n')}</table>`;
}

/** What the model was shown. */
function pictureTag({ width, height, rgb }: Picture): string {
  const png = encode({ width, height, channels: 3, depth: 8, data: rgb });
  return `<img alt="" width="96" height="96" src="data:image/png;base64,${toBase64(png)}">`;
}
