/**
 * What is measured, a row each: adding a measurement is adding a line here, and for a new kind of
 * question an entry in `Question` (peer.ts) and an answer of each peer that can give one.
 */
import type { Speculation } from '../../../engine/generate/types.ts';
import type { Question } from '../peers/peer.ts';
import type { PeerName } from '../peers/peers.ts';

export type Unit = 'tok/s' | 'ms' | 'bytes' | 'GB/s' | 'share';

/** What a command of `thimble bench` measures: a group of rows. */
export const BENCH_GROUPS = {
  prefill: 'how many tokens of a prompt are read a second',
  decode: 'how many tokens one stream gets a second, at several lengths of context',
  streams: 'how many tokens several streams get a second together',
  rewrite: 'a task that copies most of its prompt, with and without tokens guessed from it',
  structured: 'a list as JSON, free and held to a schema',
  latency: 'how long the first token takes, warm and cold',
  profile: "how much of the memory's speed is used, and where a token's time goes",
  memory: 'how large an isolate is at its peak, and the code that is shipped',
} as const;
export type BenchGroup = keyof typeof BENCH_GROUPS;

export interface BenchRow {
  readonly name: string;
  readonly group: BenchGroup;
  readonly title: string;
  readonly unit: Unit;
  readonly question: Question;
  /** The peers that are asked, if they take part. */
  readonly peers: readonly PeerName[];
  /** Asked once, at the end: it does not vary, or depends on everything that came before. */
  readonly isOnce?: boolean;
  /** Asked in a new process every time. */
  readonly isFresh?: boolean;
  /** Part of `thimble bench quick`. */
  readonly isQuick?: boolean;
  /** Drawn as a group of bars in the chart. */
  readonly isCharted?: boolean;
}

const OURS = ['workerd', 'workerd-large', 'node', 'chromium'] as const;
const NATIVE = ['llama.cpp', 'llama.cpp-q4_0'] as const;
const FAST = [...OURS, ...NATIVE] as const;
const ALL = [...FAST, 'wllama'] as const;

/** Upper bound for the tokens of the task and its text, in any vocabulary. */
const MAX_REWRITE_PROMPT = 400;

/** Distance of salts between two questions: room for a prompt of each stream. */
export const SALTS_PER_QUESTION = 32;

function prefill(nTokens: number, peers: readonly PeerName[], marks: Partial<BenchRow>): BenchRow {
  return {
    name: `prefill-${nTokens}`,
    group: 'prefill',
    title: `prefill of ${nTokens.toLocaleString('en')} tokens`,
    unit: 'tok/s',
    question: { ask: 'prefill', nTokens },
    peers,
    ...marks,
  };
}

function decode(
  nPrompt: number,
  nTokens: number,
  peers: readonly PeerName[],
  marks: Partial<BenchRow>,
): BenchRow {
  return {
    name: `decode-${nPrompt}`,
    group: 'decode',
    title: `decode at ${nPrompt.toLocaleString('en')} tokens of context`,
    unit: 'tok/s',
    question: { ask: 'decode', nPrompt, nTokens },
    peers,
    ...marks,
  };
}

function streams(nStream: number, marks: Partial<BenchRow> = {}): BenchRow {
  return {
    name: `streams-${nStream}`,
    group: 'streams',
    title: nStream === 1 ? '1 stream' : `${nStream} streams at once, together`,
    unit: 'tok/s',
    question: { ask: 'streams', nStream, nPrompt: 16, nTokens: 48 },
    peers: FAST,
    ...marks,
  };
}

function rewrite(speculation: Speculation, title: string): BenchRow {
  return {
    name: `rewrite-${speculation === 'off' ? 'plain' : 'lookup'}`,
    group: 'rewrite',
    title,
    unit: 'tok/s',
    question: { ask: 'rewrite', nTokens: 80, speculation },
    peers: ['workerd', 'node'],
  };
}

function structured(isHeld: boolean, title: string): BenchRow {
  return {
    name: `structured-${isHeld ? 'held' : 'free'}`,
    group: 'structured',
    title,
    unit: 'tok/s',
    question: { ask: 'structured', nTokens: 128, isHeld },
    peers: ['workerd', 'node'],
  };
}

export const BENCH_ROWS: readonly BenchRow[] = [
  prefill(32, ALL, {}),
  prefill(256, ALL, { isQuick: true, isCharted: true }),
  prefill(512, ['workerd', 'workerd-large', 'llama.cpp'], {}),
  prefill(1024, FAST, {}),
  decode(16, 96, [...ALL, 'node-lossless', 'node-simd'], { isQuick: true, isCharted: true }),
  decode(512, 64, FAST, {}),
  decode(1900, 64, FAST, { isCharted: true }),
  streams(1),
  streams(2),
  streams(4),
  streams(8, { isCharted: true }),
  streams(16),
  rewrite('off', 'rewrite, nothing guessed'),
  rewrite('auto', 'rewrite, prompt look-up'),
  structured(false, 'a list of people, free'),
  structured(true, 'a list of people, held to a schema'),
  {
    name: 'first-token-warm',
    group: 'latency',
    title: 'first token of a prompt of 16, warm',
    unit: 'ms',
    question: { ask: 'firstToken', nTokens: 16 },
    peers: FAST,
  },
  {
    name: 'first-token-cold',
    group: 'latency',
    title: 'first token of a prompt of 16, nothing loaded',
    unit: 'ms',
    question: { ask: 'coldFirstToken' },
    peers: FAST,
    isFresh: true,
  },
  {
    name: 'read-loop',
    group: 'profile',
    title: 'plain read loop in WebAssembly',
    unit: 'GB/s',
    question: { ask: 'readLoop' },
    peers: ['node-roof'],
  },
  {
    name: 'read-share',
    group: 'profile',
    title: 'bytes read while decoding, against the read loop',
    unit: 'share',
    question: { ask: 'readShare', nPrompt: 16, nTokens: 32 },
    peers: ['node-roof'],
    isQuick: true,
  },
  {
    name: 'outside-kernels',
    group: 'profile',
    title: "a token's time outside of kernels",
    unit: 'share',
    question: { ask: 'profile', nPrompt: 16, nTokens: 192 },
    peers: ['node-profile'],
    isQuick: true,
  },
  {
    name: 'peak-memory',
    group: 'memory',
    title: 'peak memory, 2,040 tokens of context in use',
    unit: 'bytes',
    question: { ask: 'peakMemory' },
    peers: FAST,
    isOnce: true,
    isFresh: true,
  },
  {
    name: 'memory-after-all',
    group: 'memory',
    title: 'the same in a process that has answered all other rows',
    unit: 'bytes',
    question: { ask: 'peakMemory' },
    peers: FAST,
    isOnce: true,
  },
  {
    name: 'bundle',
    group: 'memory',
    title: 'code to ship, gzip',
    unit: 'bytes',
    question: { ask: 'bundleSize' },
    peers: ['workerd', 'chromium', 'wllama'],
    isOnce: true,
  },
];

/** Positions of the KV cache that a row needs. */
export function contextNeeded({ question }: BenchRow): number {
  switch (question.ask) {
    case 'prefill':
    case 'firstToken':
      return question.nTokens + 1;
    case 'decode':
    case 'streams':
    case 'readShare':
    case 'profile':
      return question.nPrompt + question.nTokens + 1;
    case 'rewrite':
    case 'structured':
      return MAX_REWRITE_PROMPT + question.nTokens + 1;
    default:
      return 0;
  }
}
