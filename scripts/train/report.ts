/** A training as a page: its curves, what it writes, and what it was made from. One file, without scripts. */
import type { TrainingConfig } from './config.ts';
import { chart, escaped, reportPage, table } from './report-parts.ts';
import type { PairData } from './pair-data.ts';
import type { PairsResult, RunResult } from './result.ts';
import type { TokenData } from './token-data.ts';

type Facts = readonly (readonly [string, string])[];

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
  const card: Facts = [
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
    `${table(factsOf(config, result))}
<h2>Loss</h2>
${chart(result.history)}
<h2>What it writes</h2>
${samples.map(({ prompt, text }) => `<pre><b>${escaped(prompt)}</b>${escaped(text)}</pre>`).join('\n')}
<h2>What it was made from</h2>
${table(card)}
<h2>Configuration</h2>
<pre>${escaped(JSON.stringify(config, null, 2))}</pre>`,
  );
}

/** The same of a training on pairs. */
export function pairsReport(
  config: TrainingConfig,
  data: Pick<PairData, 'train' | 'heldOut' | 'nCut' | 'tokenizer'>,
  result: PairsResult,
): string {
  const { towers, temperature } = config.contrastive;
  const share = result.right === null ? 'nothing was held out' : result.right.toFixed(3);
  const facts: Facts = [
    [
      'objective',
      `contrastive, ${towers === 1 ? 'one decoder' : 'two decoders'}, at ${temperature}`,
    ],
    ...factsOf(config, result),
    [`own text the nearest of ${config.training.sequences}, held out`, share],
  ];
  const card: Facts = [
    ['files', config.data.files.join(', ')],
    ['licence', config.data.licence],
    ['pairs', `${data.train.length}, and ${data.heldOut.length} held out`],
    ['texts cut at the context', String(data.nCut)],
    ['different tokens', String(data.tokenizer.nVocab)],
    ['tokenizer', config.tokenizer],
  ];
  return reportPage(
    `Training of ${config.id}`,
    `${table(facts)}
<h2>Loss</h2>
${chart(result.history)}
<h2>What it was made from</h2>
${table(card)}
<h2>Configuration</h2>
<pre>${escaped(JSON.stringify(config, null, 2))}</pre>`,
  );
}

function factsOf(config: TrainingConfig, result: RunResult): Facts {
  const speeds = result.history.map(({ gflops }) => gflops).toSorted((a, b) => a - b);
  const speed = speeds[Math.floor(speeds.length / 2)] ?? 0;
  return [
    ['weights', String(result.nWeight)],
    ['steps', `${result.steps} of ${config.training.steps}`],
    ['tokens learned from', String(result.tokens)],
    ['loss, held out', result.heldOutLoss?.toFixed(4) ?? 'nothing was held out'],
    ['speed', `${speed.toFixed(1)} GFLOP/s (median step)`],
    ['seconds of this run', result.seconds.toFixed(0)],
    ['seed', String(config.seed)],
  ];
}
