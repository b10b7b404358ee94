/** A training as a page: its curves, what it writes, and what it was made from. One file, without scripts. */
import type { TrainingConfig } from './config.ts';
import { chart, escaped, reportPage, table } from './report-parts.ts';
import type { RunResult } from './result.ts';
import type { TokenData } from './token-data.ts';

export interface Sample {
  readonly prompt: string;
  readonly text: string;
}

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
  return reportPage(
    `Training of ${config.id}`,
    `${table(facts)}
<h2>Loss</h2>
${chart(history)}
<h2>What it writes</h2>
${samples.map(({ prompt, text }) => `<pre><b>${escaped(prompt)}</b>${escaped(text)}</pre>`).join('\n')}
<h2>What it was made from</h2>
${table(card)}
<h2>Configuration</h2>
<pre>${escaped(JSON.stringify(config, null, 2))}</pre>`,
  );
}
