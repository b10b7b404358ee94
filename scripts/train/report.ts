/** A training as a page: its curves, what it writes, and what it was made from. One file, without scripts. */
import type { TrainingConfig } from './config.ts';
import type { RunResult, TrainingStep } from './result.ts';
import type { TokenData } from './token-data.ts';

export interface Sample {
  readonly prompt: string;
  readonly text: string;
}

const WIDTH = 720;
const HEIGHT = 260;
const MARGIN = 44;
/** Points of a curve: more are not seen. */
const MAX_POINTS = 500;

export function trainingReport(
  config: TrainingConfig,
  data: Pick<TokenData, 'nDocument' | 'nChar' | 'train' | 'heldOut' | 'tokenizer'>,
  result: RunResult,
  samples: readonly Sample[],
): string {
  const { history } = result;
  const speeds = history.map(({ gflops }) => gflops).toSorted((a, b) => a - b);
  const speed = speeds[Math.floor(speeds.length / 2)] ?? 0;
  const facts: readonly (readonly [string, string])[] = [
    ['weights', String(result.nWeight)],
    ['steps', `${result.steps} of ${config.training.steps}`],
    ['tokens learned from', String(result.tokens)],
    ['loss, held out', result.heldOutLoss?.toFixed(4) ?? 'nothing was held out'],
    ['speed', `${speed.toFixed(1)} GFLOP/s (median step)`],
    ['seconds of this run', result.seconds.toFixed(0)],
    ['seed', String(config.seed)],
  ];
  const card: readonly (readonly [string, string])[] = [
    ['files', config.data.files.join(', ')],
    ['licence', config.data.licence],
    ['texts', String(data.nDocument)],
    ['characters', String(data.nChar)],
    ['tokens', `${data.train.length}, and ${data.heldOut.length} held out`],
    ['different tokens', String(data.tokenizer.nVocab)],
    ['tokenizer', config.tokenizer],
  ];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Training of ${escaped(config.id)}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; } td { border-top: 1px solid #ddd; padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; background: #f4f4f2; padding: 0.7rem; } svg { width: 100%; height: auto; }
</style>
<h1>Training of ${escaped(config.id)}</h1>
${table(facts)}
<h2>Loss</h2>
${chart(history)}
<h2>What it writes</h2>
${samples.map(({ prompt, text }) => `<pre><b>${escaped(prompt)}</b>${escaped(text)}</pre>`).join('\n')}
<h2>What it was made from</h2>
${table(card)}
<h2>Configuration</h2>
<pre>${escaped(JSON.stringify(config, null, 2))}</pre>
</html>
`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const cells = rows.map(([name, value]) => `<tr><td>${name}<td>${escaped(value)}`);
  return `<table>${cells.join('\n')}</table>`;
}

/** Both losses over the steps of this run. */
function chart(history: readonly TrainingStep[]): string {
  const losses = history.map(({ step, loss }) => [step, loss] as const);
  const held = history.flatMap(({ step, heldOutLoss }) =>
    heldOutLoss === null ? [] : [[step, heldOutLoss] as const],
  );
  const all = [...losses, ...held];
  if (all.length < 2) return '<p>Too few steps for a curve.</p>';
  const [left, right] = [Math.min(...all.map(([x]) => x)), Math.max(...all.map(([x]) => x))];
  const [low, high] = [Math.min(...all.map(([, y]) => y)), Math.max(...all.map(([, y]) => y))];
  const x = (step: number): string =>
    (MARGIN + ((step - left) / Math.max(1, right - left)) * (WIDTH - 2 * MARGIN)).toFixed(1);
  const y = (loss: number): string =>
    (HEIGHT - MARGIN - ((loss - low) / Math.max(1e-9, high - low)) * (HEIGHT - 2 * MARGIN)).toFixed(
      1,
    );
  const line = (points: readonly (readonly [number, number])[], colour: string): string => {
    const every = Math.ceil(points.length / MAX_POINTS);
    const shown = points.filter((_, i) => i % every === 0 || i === points.length - 1);
    const text = shown.map(([step, loss]) => `${x(step)},${y(loss)}`).join(' ');
    return `<polyline points="${text}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
  };
  const label = (text: string, at: string): string => `<text ${at} font-size="13">${text}</text>`;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Losses from step ${left} to ${right}">
${line(losses, '#9bb8b3')}
${line(held, '#a33')}
${label(high.toFixed(2), `x="2" y="${y(high)}"`)}
${label(low.toFixed(2), `x="2" y="${y(low)}"`)}
${label(`step ${left}`, `x="${MARGIN}" y="${HEIGHT - 14}"`)}
${label(`step ${right}`, `x="${WIDTH - MARGIN}" y="${HEIGHT - 14}" text-anchor="end"`)}
</svg>
<p>Learned from (grey) and held out (red), of this run.</p>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"]/g, (char) => ENTITIES[char] ?? char);
}
