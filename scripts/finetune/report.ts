/** A fine-tuning as a page and as a card: its curve, answers before and after, and what it was made from. */
import { basename } from 'node:path';
import { chart, escaped, reportPage, table } from '../train/report-parts.ts';
import type { FinetuneConfig } from './config.ts';
import type { Dataset } from './dataset.ts';
import { objectiveOf } from './objectives.ts';
import type { FinetuneResult, FinetuneStep } from './result.ts';
import type { BeforeAfter } from './samples.ts';

type Facts = readonly (readonly [string, string])[];
type DataFacts = Pick<
  Dataset,
  | 'form'
  | 'nRow'
  | 'nCut'
  | 'nSkipped'
  | 'train'
  | 'heldOut'
  | 'nToken'
  | 'nLearned'
  | 'sha256'
  | 'maxTokens'
>;
export interface BaseFacts {
  readonly id: string;
  readonly name: string;
  readonly licence: string;
  readonly sourceSha256: string | null;
}

const shown = (loss: number | null): string => loss?.toFixed(4) ?? 'nothing was held out';

function factsOf(config: FinetuneConfig, data: DataFacts, result: FinetuneResult): Facts {
  const speeds = result.history.map(({ gflops }) => gflops).toSorted((a, b) => a - b);
  const speed = speeds[Math.floor(speeds.length / 2)] ?? 0;
  return [
    ['base', config.model],
    ['objective', objectiveOf(data.form, config.teacher !== null).title],
    ...(config.teacher === null ? [] : [['teacher', config.teacher] as const]),
    ...(config.prefix > 0 ? prefixFacts(config, result) : lowRankFacts(config, result)),
    ['steps', `${result.steps} of ${result.nStep}`],
    ['loss, held out, before', shown(result.heldOutBefore)],
    ['loss, held out, after', shown(result.heldOutLoss)],
    ['speed', `${speed.toFixed(1)} GFLOP/s (median step)`],
    ['memory', `${Math.round(result.nByte / 1e6)} MB`],
    ['seconds of this run', result.seconds.toFixed(0)],
    ['seed', String(config.seed)],
  ];
}

function prefixFacts({ prefix }: FinetuneConfig, { nWeight }: FinetuneResult): Facts {
  return [
    ['prefix', `${prefix} positions of keys and values`],
    ['weights learned', String(nWeight)],
  ];
}

function lowRankFacts(
  { rank, alpha, targets, invocation, pictures }: FinetuneConfig,
  { nWeight }: FinetuneResult,
): Facts {
  return [
    ['weights learned', `${nWeight} (rank ${rank}, alpha ${alpha})`],
    ['projections', targets.join(', ')],
    [
      'switched on by',
      pictures === null ? (invocation ?? 'nothing: it always counts') : 'a picture',
    ],
    ...(pictures === null
      ? []
      : ([
          ['sees through', pictures.encoder],
          ['positions of a picture', String(pictures.grid ** 2)],
        ] as const)),
  ];
}

function filesOf({ data, pictures }: FinetuneConfig): string {
  return (pictures?.files ?? [data]).map((file) => basename(file)).join(', ');
}

function cardOf(config: FinetuneConfig, data: DataFacts): Facts {
  return [
    // Not its folder: a report is shown to others.
    ['file', filesOf(config)],
    ['SHA-256', data.sha256],
    ['licence', config.licence],
    ['rows', `${data.nRow} of the form "${data.form}"`],
    ['rows cut', `${data.nCut}, to ${data.maxTokens} tokens`],
    ['rows left out', `${data.nSkipped}, of which nothing to learn was within these`],
    ['learned from', `${data.train.length} rows: ${data.nToken} tokens, ${data.nLearned} learned`],
    [
      'held out',
      `${data.heldOut.length} rows${config.validation === null ? '' : ` of ${basename(config.validation)}`}`,
    ],
  ];
}

/** Without folders. */
function shownConfig(config: FinetuneConfig): object {
  const { data, pictures } = config;
  const files = pictures?.files.map((file) => basename(file));
  return {
    ...{ ...config, data: basename(data) },
    ...(pictures === null ? {} : { pictures: { ...pictures, files } }),
  };
}

export function finetuneReport(
  config: FinetuneConfig,
  base: BaseFacts,
  data: DataFacts,
  result: FinetuneResult,
  samples: readonly BeforeAfter[],
): string {
  const pair = ({ prompt, before, after }: BeforeAfter): string =>
    `<pre><b>${escaped(prompt)}</b></pre>\n${table([
      ['before', before],
      ['after', after],
    ])}`;
  return reportPage(
    `Fine-tuning of ${config.model}`,
    `${table(factsOf(config, data, result))}
<h2>Loss</h2>
${chart(result.history)}
<h2>What it answers, before and after</h2>
${samples.map(pair).join('\n')}
<h2>What it was made from</h2>
${table(cardOf(config, data))}
<h2>Base</h2>
${table([
  ['name', base.name],
  ['licence', base.licence],
  ['SHA-256 of its file', base.sourceSha256 ?? 'unknown'],
])}
<h2>Configuration</h2>
<pre>${escaped(JSON.stringify(shownConfig(config), null, 2))}</pre>`,
  );
}

/** README.md of the adapter's folder, with the metadata that Hugging Face's hub reads. */
export function adapterCard(
  config: FinetuneConfig,
  base: BaseFacts,
  data: DataFacts,
  result: FinetuneResult,
): string {
  const list = (facts: Facts): string =>
    facts.map(([name, value]) => `- ${name}: ${value.replaceAll('\n', ' ')}`).join('\n');
  return `---
base_model: ${JSON.stringify(base.id)}
library_name: peft
pipeline_tag: ${config.pictures === null ? 'text-generation' : 'image-text-to-text'}
license: ${JSON.stringify(config.licence)}
tags:
${tagsOf(config)
  .map((tag) => `  - ${tag}`)
  .join('\n')}
---

# ${kindOf(config)} of ${base.name}

Made by Thimble, which fine-tunes stored models. The base's licence is ${base.licence}; it holds for what is made with both.

${list(factsOf(config, data, result))}

## Data

${list(cardOf(config, data))}

What it learned is what its data says, with its mistakes and its leanings. The curve, and answers before and after, are in
report.html.
`;
}

function kindOf({ prefix, pictures }: FinetuneConfig): string {
  if (pictures !== null) return 'Eyes and a low-rank adapter';
  return prefix > 0 ? 'A trained prefix' : 'A low-rank adapter';
}

function tagsOf({ prefix, invocation, pictures }: FinetuneConfig): string[] {
  if (pictures !== null) return ['lora', 'image-to-text'];
  if (prefix > 0) return ['prefix-tuning'];
  return invocation === null ? ['lora'] : ['lora', 'alora'];
}

export function describeFinetuneStep(step: FinetuneStep): string {
  const held = step.heldOutLoss === null ? '' : `, held out ${step.heldOutLoss.toFixed(4)}`;
  const minutes = step.secondsLeft / 60;
  const left = minutes < 2 ? `${Math.round(step.secondsLeft)} s` : `${Math.round(minutes)} min`;
  return `step ${step.step}/${step.nStep}  loss ${step.loss.toFixed(4)}${held}  ${Math.round(step.tokensPerSecond)} tokens/s, ${step.gflops.toFixed(1)} GFLOP/s, ${left} left`;
}
