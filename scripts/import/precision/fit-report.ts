/** What a fit chose, as a table for people and as an object for scripts. */
import { formatBytes } from '../../lib/progress.ts';
import type { FitReport } from './fit-chooser.ts';
import type { FittedGroup } from './fit.ts';

/** All layers' groups of one kind in one row: `attention (576 columns) | q4m x 29, q6 x 1`. */
export function fitTable({ groups, plan, predictedChange }: FitReport): string {
  const matrices = groups.filter(({ choice }) => choice.dtypes.some((dtype) => dtype !== 'f32'));
  const byKind = Map.groupBy(matrices, ({ group }) => group.name.replace(/^layers\.\d+\./, ''));
  const rows = [...byKind].map(([kind, members]) => {
    const bytes = members.reduce((sum, { choice }) => sum + choice.bytes, 0);
    const loss = members.reduce((sum, { choice }) => sum + choice.lossNats, 0);
    return `| ${kind} | ${countTypes(members)} | ${(bytes / 1e6).toFixed(1)} | ${loss.toFixed(4)} |`;
  });
  return [
    '| tensors | types | MB | predicted loss, nats |',
    '| --- | --- | ---: | ---: |',
    ...rows,
    '',
    `memory plan: ${formatBytes(plan.totalBytes)} at ${plan.nCtx} tokens of ${plan.kv.dtype} cache`,
    `predicted perplexity against the file's own precision: ${percent(predictedChange)}`,
  ].join('\n');
}

function countTypes(members: readonly FittedGroup[]): string {
  const counts = Map.groupBy(members, ({ choice }) => [...new Set(choice.dtypes)].join('+'));
  return [...counts]
    .map(([types, { length }]) => (members.length === 1 ? types : `${types} x ${length}`))
    .join(', ');
}

export function fitSummary({ groups, plan, predictedChange }: FitReport) {
  return {
    planBytes: plan.totalBytes,
    nCtx: plan.nCtx,
    predictedChange,
    groups: groups.map(({ group, choice }) => ({
      name: group.name,
      tensors: group.members,
      dtypes: choice.dtypes,
      bytes: choice.bytes,
      lossNats: choice.lossNats,
    })),
  };
}

/** `+1.23 %` */
export function percent(share: number): string {
  return `${share >= 0 ? '+' : ''}${(share * 100).toFixed(2)} %`;
}
