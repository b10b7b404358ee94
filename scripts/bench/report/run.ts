/**
 * Asks every peer every row, round by round: all rows in each round, so that what slows the machine
 * down for minutes falls on all of them, and peers in an order that is reversed each round.
 */
import { throwIfAborted } from '../../../engine/base/errors.ts';
import { PeerChild } from '../peers/peer-child.ts';
import type { WatchedAnswer } from '../peers/peer-child.ts';
import type { PeerConfig, Question } from '../peers/peer.ts';
import { findPeer } from '../peers/peers.ts';
import type { PeerName } from '../peers/peers.ts';
import { SALTS_PER_QUESTION } from './rows.ts';
import type { BenchRow, Unit } from './rows.ts';
import type { Sample } from './statistics.ts';

export interface BenchPlan {
  readonly rows: readonly BenchRow[];
  readonly peers: readonly PeerName[];
  readonly rounds: number;
  readonly config: PeerConfig;
  readonly pinnedCore: number | null;
  readonly onProgress?: (done: number, total: number, note: string) => void;
  /** Take other programs' share of the core's time out of the numbers. */
  readonly ownTime: boolean;
  readonly signal: AbortSignal;
  /** Called with a function that ends what is running, for an interrupt. */
  readonly onStart?: (end: () => Promise<void>) => void;
}

export interface Series {
  readonly row: string;
  readonly peer: PeerName;
  readonly samples: readonly Sample[];
  /** Detail of the last sample. */
  readonly detail?: unknown;
}

export interface BenchResult {
  readonly series: readonly Series[];
  /** Why a peer has no numbers, or no more of them. */
  readonly failures: Readonly<Partial<Record<PeerName, string>>>;
}

/** One question of the schedule. */
interface Step {
  readonly round: number;
  readonly row: BenchRow;
  readonly peer: PeerName;
}

/** All questions, in order. Rows that are asked once come last. */
export function schedule(plan: Pick<BenchPlan, 'rows' | 'peers' | 'rounds'>): Step[] {
  const steps: Step[] = [];
  const add = (row: BenchRow, round: number) => {
    const peers = plan.peers.filter(
      (peer) => row.peers.includes(peer) && round <= (findPeer(peer).maxRounds ?? round),
    );
    if (round % 2 === 0) peers.reverse();
    for (const peer of peers) steps.push({ round, row, peer });
  };
  for (let round = 1; round <= plan.rounds; round++)
    for (const row of plan.rows) if (row.isOnce !== true) add(row, round);
  for (const row of plan.rows) if (row.isOnce === true) add(row, 1);
  return steps;
}

/** Short, but enough for V8 to compile the hot functions. */
const WARM_UP: readonly Question[] = [
  { ask: 'prefill', nTokens: 24 },
  { ask: 'decode', nPrompt: 4, nTokens: 24 },
];

/** @throws {EngineError} E_ABORTED when `signal` is; a peer that fails is reported in the result. */
export async function runBench(plan: BenchPlan): Promise<BenchResult> {
  const steps = schedule(plan);
  const children = new Map<PeerName, PeerChild>();
  const fresh = new Set<PeerChild>();
  const failures: Partial<Record<PeerName, string>> = {};
  const found = new Map<string, { series: Series; samples: Sample[] }>();
  let salt = SALTS_PER_QUESTION;
  const endAll = async () => {
    await Promise.all([...children.values(), ...fresh].map((child) => child.end()));
  };
  plan.onStart?.(endAll);
  try {
    const used = new Set(steps.filter(({ row }) => row.isFresh !== true).map(({ peer }) => peer));
    for (const peer of used) {
      plan.onProgress?.(0, steps.length, `starting ${peer}`);
      await attempt(peer, () => startWarm(peer));
    }
    for (const [i, step] of steps.entries()) {
      const { round, row, peer } = step;
      plan.onProgress?.(i, steps.length, `round ${round} of ${plan.rounds}, ${row.name}, ${peer}`);
      throwIfAborted(plan.signal, 'bench: interrupted');
      // The same for all peers of a row in a round: they get the same prompts.
      const before = steps[i - 1];
      if (before?.row !== row || before.round !== round) salt += SALTS_PER_QUESTION;
      if (peer in failures) continue;
      await attempt(peer, async () => record(step, await ask(step)));
    }
  } finally {
    await endAll();
  }
  return { series: [...found.values()].map(({ series }) => series), failures };

  async function startWarm(peer: PeerName): Promise<void> {
    const child = new PeerChild(peer, plan.config, plan.pinnedCore);
    children.set(peer, child);
    await child.ready();
    for (const question of WARM_UP) {
      if (findPeer(peer).isSpecial === true) continue;
      await child.ask({ question, salt: (salt += SALTS_PER_QUESTION) });
    }
  }

  async function ask({ row, peer }: Step): Promise<WatchedAnswer> {
    const { question } = row;
    if (row.isFresh !== true) return await children.get(peer)!.ask({ question, salt });
    const child = new PeerChild(peer, plan.config, plan.pinnedCore);
    fresh.add(child);
    try {
      await child.ready();
      return await child.ask({ question, salt });
    } finally {
      await child.end();
      fresh.delete(child);
    }
  }

  function record({ round, row, peer }: Step, { detail, ...answer }: WatchedAnswer): void {
    const key = `${row.name} ${peer}`;
    const samples = found.get(key)?.samples ?? [];
    const { othersShare } = answer;
    const value = plan.ownTime ? ownTime(answer.value, row.unit, othersShare) : answer.value;
    samples.push({ round, value, othersShare });
    const more = detail === undefined ? {} : { detail };
    found.set(key, { samples, series: { row: row.name, peer, samples, ...more } });
  }

  /** A peer that fails is reported and left out of what follows. */
  async function attempt(peer: PeerName, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throwIfAborted(plan.signal, 'bench: interrupted');
      failures[peer] = error instanceof Error ? error.message : String(error);
      const child = children.get(peer);
      children.delete(peer);
      await child?.end();
    }
  }
}

/** A rate or a time without other programs' share of the core; other units stay as they are. */
export function ownTime(value: number, unit: Unit, othersShare: number | null): number {
  if (othersShare === null || othersShare >= 1) return value;
  if (unit === 'ms') return value * (1 - othersShare);
  return unit === 'tok/s' ? value / (1 - othersShare) : value;
}
