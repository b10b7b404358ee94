/** The goals, a row each, and how each is computed from the measurements. */
import type { PeerName } from '../peers/peers.ts';
import type { Series } from './run.ts';
import { pairedRatio, spread } from './statistics.ts';
import type { Sample, Spread } from './statistics.ts';

interface SeriesRef {
  readonly row: string;
  readonly peer: PeerName;
}

export type GoalUnit = 'x' | '%' | 's' | 'MB';

export interface Goal {
  readonly name: string;
  readonly what: string;
  readonly unit: GoalUnit;
  readonly atLeast: number;
  readonly aim: number;
  readonly isLowerBetter?: boolean;
  readonly of: SeriesRef;
  /** The ratio to this one, round by round. */
  readonly against?: SeriesRef;
  /** From the row's unit to the goal's. */
  readonly scale?: number;
}

export interface GoalResult {
  readonly goal: Goal;
  readonly measured: Spread;
  readonly isMet: boolean;
}

const at = (row: string, peer: PeerName): SeriesRef => ({ row, peer });
const x = (
  name: string,
  what: string,
  [atLeast, aim]: readonly [number, number],
  of: SeriesRef,
  against: SeriesRef,
): Goal => ({ name, what, unit: 'x', atLeast, aim, of, against });

export const GOALS: readonly Goal[] = [
  x(
    'decode-native',
    'decode in workerd against llama.cpp native, the same file',
    [2.8, 3.6],
    at('decode-16', 'workerd'),
    at('decode-16', 'llama.cpp'),
  ),
  x(
    'decode-q4_0',
    'decode in workerd against llama.cpp native on Q4_0, its fastest path',
    [1.6, 2.1],
    at('decode-16', 'workerd'),
    at('decode-16', 'llama.cpp-q4_0'),
  ),
  x(
    'decode-lossless',
    'decode in Node, preset lossless, against llama.cpp native, the same file',
    [2.4, 3.2],
    at('decode-16', 'node-lossless'),
    at('decode-16', 'llama.cpp'),
  ),
  x(
    'prefill-q4_0',
    'prefill of 256 in workerd against llama.cpp native on Q4_0',
    [0.85, 1.1],
    at('prefill-256', 'workerd'),
    at('prefill-256', 'llama.cpp-q4_0'),
  ),
  x(
    'prefill-native',
    'prefill of 256 in workerd against llama.cpp native, the same file',
    [3, 4],
    at('prefill-256', 'workerd'),
    at('prefill-256', 'llama.cpp'),
  ),
  x(
    'decode-wllama',
    'decode in workerd against wllama',
    [20, 28],
    at('decode-16', 'workerd'),
    at('decode-16', 'wllama'),
  ),
  {
    name: 'read-share',
    what: 'bytes of weights and cache read a second, against a plain read loop',
    unit: 'x',
    atLeast: 0.75,
    aim: 0.9,
    of: at('read-share', 'node-roof'),
  },
  x(
    'streams-8',
    '8 streams together against one, in workerd',
    [1.6, 1.85],
    at('streams-8', 'workerd'),
    at('streams-1', 'workerd'),
  ),
  x(
    'long-context',
    'decode at 1,900 tokens of context against at 16, in workerd',
    [0.6, 0.75],
    at('decode-1900', 'workerd'),
    at('decode-16', 'workerd'),
  ),
  x(
    'rewrite',
    'prompt look-up on a rewriting task against nothing guessed, greedy, the same text',
    [1.3, 1.6],
    at('rewrite-lookup', 'workerd'),
    at('rewrite-plain', 'workerd'),
  ),
  x(
    'structured',
    'decode held to a schema against free, in workerd',
    [0.9, 0.95],
    at('structured-held', 'workerd'),
    at('structured-free', 'workerd'),
  ),
  {
    name: 'cold-start',
    what: 'cold start to the first token in workerd, weights from local R2, hashes checked',
    unit: 's',
    atLeast: 1,
    aim: 0.6,
    isLowerBetter: true,
    of: at('first-token-cold', 'workerd'),
    scale: 1e-3,
  },
  {
    name: 'peak-memory',
    what: 'peak of one isolate at 2,040 tokens of context, WebAssembly and JavaScript heap',
    unit: 'MB',
    atLeast: 128,
    aim: 118,
    isLowerBetter: true,
    of: at('peak-memory', 'workerd'),
    scale: 1e-6,
  },
  {
    name: 'outside-kernels',
    what: "a token's time outside of kernels",
    unit: '%',
    atLeast: 5,
    aim: 2,
    isLowerBetter: true,
    of: at('outside-kernels', 'node-profile'),
    scale: 100,
  },
  x(
    'plain-simd',
    'decode with the plain SIMD128 build against the relaxed build, in Node',
    [0.5, 0.6],
    at('decode-16', 'node-simd'),
    at('decode-16', 'node'),
  ),
];

/** The goals for which everything was measured. */
export function judgeGoals(
  series: readonly Series[],
  goals: readonly Goal[] = GOALS,
): GoalResult[] {
  return goals.flatMap((goal) => {
    const of = samplesOf(series, goal.of);
    const against = goal.against === undefined ? null : samplesOf(series, goal.against);
    const measured =
      of.length === 0 ? null : against === null ? plainSpread(of) : pairedRatio(of, against);
    if (measured === null) return [];
    const scale = goal.scale ?? 1;
    const scaled = {
      median: measured.median * scale,
      min: measured.min * scale,
      max: measured.max * scale,
    };
    const isMet =
      goal.isLowerBetter === true ? scaled.median <= goal.atLeast : scaled.median >= goal.atLeast;
    return [{ goal, measured: scaled, isMet }];
  });
}

function samplesOf(series: readonly Series[], { row, peer }: SeriesRef): readonly Sample[] {
  return series.find((one) => one.row === row && one.peer === peer)?.samples ?? [];
}

function plainSpread(samples: readonly Sample[]): Spread {
  return spread(samples.map(({ value }) => value));
}
