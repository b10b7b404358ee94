/** A bench's result as Markdown tables and as the JSON object of the last line. Pure. */
import { judgeGoals } from './goals.ts';
import type { GoalResult, GoalUnit } from './goals.ts';
import type { Profile } from '../peers/peer-profile.ts';
import { findPeer, PEER_NAMES } from '../peers/peers.ts';
import type { PeerName } from '../peers/peers.ts';
import { BENCH_ROWS } from './rows.ts';
import type { BenchRow, Unit } from './rows.ts';
import type { BenchResult, Series } from './run.ts';
import { spread } from './statistics.ts';
import type { Spread } from './statistics.ts';

/** Facts about a run, apart from its numbers. */
export interface BenchFacts {
  readonly model: string;
  readonly preset: string;
  /** ISO 8601, a day. */
  readonly date: string;
  readonly rounds: number;
  readonly pinnedCore: number | null;
  readonly cpu: string;
  /** Programs that waited for a core in the minute before: more than none makes numbers low and noisy. */
  readonly loadBefore: number;
  /** Others' share of the core was taken out of the numbers. */
  readonly ownTime: boolean;
}

export function spreadOf({ samples }: Series): Spread {
  return spread(samples.map(({ value }) => value));
}

/** Rows down, peers across: median, and lowest to highest in brackets. Empty without numbers. */
export function speedTable({ series }: BenchResult, rows = BENCH_ROWS): string {
  const columns = tableColumns(series);
  const lines = rows.flatMap((row) => {
    const cells = columns.map((peer) => showCell(series, row, peer));
    return cells.every((cell) => cell === '') ? [] : [[rowTitle(row), ...cells]];
  });
  return lines.length === 0
    ? ''
    : table(['', ...columns.map((peer) => findPeer(peer).short)], lines);
}

/** The peers that were measured; variants of ours only where nothing else was. */
function tableColumns(series: readonly Series[]): PeerName[] {
  const measured = PEER_NAMES.filter(
    (peer) => findPeer(peer).isSpecial !== true && series.some((one) => one.peer === peer),
  );
  const plain = measured.filter((peer) => findPeer(peer).isVariant !== true);
  return plain.length > 0 ? plain : measured;
}

/** A line for every measurement without a column, of special peers and variants; shares are among the goals. */
export function otherTable({ series }: BenchResult, rows = BENCH_ROWS): string {
  const columns = tableColumns(series);
  const lines = rows
    .filter(({ unit }) => unit !== 'share')
    .flatMap((row) =>
      PEER_NAMES.filter((peer) => !columns.includes(peer)).flatMap((peer) => {
        const cell = showCell(series, row, peer);
        return cell === '' ? [] : [[rowTitle(row), findPeer(peer).label, cell]];
      }),
    );
  return lines.length === 0 ? '' : table(['', 'with', ''], lines);
}

function showCell(series: readonly Series[], row: BenchRow, peer: PeerName): string {
  const found = series.find((one) => one.row === row.name && one.peer === peer);
  return found === undefined ? '' : showSpread(spreadOf(found), row.unit);
}

const UNIT_NAMES: Readonly<Record<Unit, string>> = {
  'tok/s': 'tok/s',
  ms: 'ms',
  bytes: 'MB',
  'GB/s': 'GB/s',
  share: 'share',
};

function rowTitle({ title, unit }: BenchRow): string {
  return `${title}, ${UNIT_NAMES[unit]}`;
}

/** Empty when no goal could be judged. */
export function goalTable(results: readonly GoalResult[]): string {
  if (results.length === 0) return '';
  const lines = results.map(({ goal, measured, isMet }) => {
    const show = (value: number) => showGoal(value, goal.unit);
    const range =
      measured.min === measured.max ? '' : ` (${show(measured.min)}-${show(measured.max)})`;
    const bound = goal.isLowerBetter === true ? '<= ' : '';
    return [
      goal.what,
      `${bound}${show(goal.atLeast)}`,
      `${bound}${show(goal.aim)}`,
      `${show(measured.median)}${range}`,
      isMet ? 'yes' : 'no',
    ];
  });
  return table(['what', 'at least', 'aim', 'measured', 'met'], lines);
}

/** Where a token's time goes; empty without a profile. */
export function profileTable({ series }: BenchResult): string {
  const found = profileOf(series);
  if (found === null) return '';
  const lines = found.kernels
    .filter(({ share }) => share >= 0.001)
    .map(({ name, microsecondsPerToken, share }) => [
      name,
      microsecondsPerToken.toFixed(0),
      showGoal(share * 100, '%'),
    ]);
  const outside = found.microsecondsPerToken * found.outsideShare;
  lines.push(['outside of kernels', outside.toFixed(0), showGoal(found.outsideShare * 100, '%')]);
  return table(['kernel', 'microseconds a token', 'share'], lines);
}

export function profileOf(series: readonly Series[]): Profile | null {
  const found = series.find(({ row }) => row === 'outside-kernels')?.detail;
  return found === undefined ? null : (found as Profile);
}

/** All tables, with a blank line between them; failures come last. */
export function describeResult(result: BenchResult): string {
  const failures = Object.entries(result.failures).map(([peer, why]) => `${peer} failed: ${why}`);
  return [
    speedTable(result),
    otherTable(result),
    goalTable(judgeGoals(result.series)),
    profileTable(result),
    failures.join('\n'),
  ]
    .filter((part) => part !== '')
    .map((part) => `${part.trimEnd()}\n`)
    .join('\n');
}

/** The object of the last line: every sample, medians, goals. */
export function resultJson(facts: BenchFacts, { series, failures }: BenchResult): object {
  return {
    ...facts,
    ...othersOf(series),
    rows: BENCH_ROWS.flatMap(({ name, unit }) => {
      const own = series.filter(({ row }) => row === name);
      const peers = own.map((one) => [
        one.peer,
        {
          ...rounded(spreadOf(one)),
          samples: one.samples.map(({ value }) => round(value)),
          ...othersOf([one]),
          ...(one.detail === undefined ? {} : { detail: one.detail }),
        },
      ]);
      return own.length === 0 ? [] : [{ name, unit, peers: Object.fromEntries(peers) as object }];
    }),
    goals: judgeGoals(series).map(({ goal, measured, isMet }) => ({
      name: goal.name,
      unit: goal.unit,
      atLeast: goal.atLeast,
      aim: goal.aim,
      ...rounded(measured),
      isMet,
    })),
    failures,
  };
}

/** The median share of the core that other programs had; nothing where it is unknown. */
export function othersOf(series: readonly Series[]): { readonly othersShare?: number } {
  const shares = series.flatMap(({ samples }) =>
    samples.flatMap(({ othersShare }) => (typeof othersShare === 'number' ? [othersShare] : [])),
  );
  return shares.length === 0 ? {} : { othersShare: round(spread(shares).median) };
}

function rounded({ median, min, max }: Spread): Spread {
  return { median: round(median), min: round(min), max: round(max) };
}

function round(value: number): number {
  return Number(value.toPrecision(5));
}

/** `97.8 (93.2-107)`. */
export function showSpread({ median, min, max }: Spread, unit: Unit): string {
  const range = min === max ? '' : ` (${showValue(min, unit)}-${showValue(max, unit)})`;
  return `${showValue(median, unit)}${range}`;
}

/** Three significant figures; bytes in megabytes. */
export function showValue(value: number, unit: Unit): string {
  const scaled = unit === 'bytes' ? value / 1e6 : value;
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.max(scaled, 0.01))));
  return scaled.toFixed(scaled >= 100 ? 0 : decimals);
}

function showGoal(value: number, unit: GoalUnit): string {
  if (unit === 'x') return `${value.toFixed(2)}x`;
  if (unit === '%') return `${value.toFixed(1)} %`;
  return unit === 's' ? `${value.toFixed(2)} s` : `${value.toFixed(1)} MB`;
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = `|${head.map((_, i) => (i === 0 ? ' --- ' : ' --: ')).join('|')}|`;
  return `${[line(head), rule, ...lines.map(line)].join('\n')}\n`;
}
