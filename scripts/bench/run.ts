/** Runs peers in child processes pinned to one core, alternating their order, and takes medians. */
import { fork, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { PeerAnswer, PeerConfig, PeerQuestion } from './peer.ts';

export interface BenchPlan {
  readonly peers: readonly string[];
  readonly rounds: number;
  readonly prefillTokens: number;
  readonly decodeTokens: number;
  readonly config: PeerConfig;
  readonly onProgress?: (line: string) => void;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}
export interface PeerResult {
  readonly prefillTokensPerSecond?: Spread;
  readonly decodeTokensPerSecond?: Spread;
  readonly facts?: Readonly<Record<string, unknown>>;
  /** Why this peer has no numbers. */
  readonly failed?: string;
}

/** Slow browser starts included. */
const ANSWER_TIMEOUT_MS = 300_000;

/** One core for everything that is measured; null where the tool is missing. */
export function pinnedCore(): number | null {
  const core = availableParallelism() - 1;
  const works = spawnSync('taskset', ['-c', String(core), 'true']).status === 0;
  return works ? core : null;
}

export async function runBench(plan: BenchPlan): Promise<Record<string, PeerResult>> {
  const core = pinnedCore();
  const results: Record<string, PeerResult> = {};
  const running = new Map<string, PeerChild>();
  const times = new Map<string, { prefill: number[]; decode: number[] }>();
  try {
    for (const name of plan.peers) {
      plan.onProgress?.(`starting ${name}`);
      const child = new PeerChild(name, plan.config, core);
      running.set(name, child);
      times.set(name, { prefill: [], decode: [] });
      await attempt(name, async () => {
        await child.ready();
        // Round 0 warms up and is not counted.
        await child.ask({ ask: 'prefill', nTokens: plan.prefillTokens, round: 0 });
        await child.ask({ ask: 'decode', nTokens: plan.decodeTokens, round: 0 });
      });
    }
    for (let round = 1; round <= plan.rounds; round++) {
      const order = [...running.keys()];
      if (round % 2 === 0) order.reverse();
      for (const name of order) {
        plan.onProgress?.(`round ${round} of ${plan.rounds}: ${name}`);
        await attempt(name, async (child) => {
          const prefillMs = await child.ask({ ask: 'prefill', nTokens: plan.prefillTokens, round });
          const decodeMs = await child.ask({ ask: 'decode', nTokens: plan.decodeTokens, round });
          times.get(name)!.prefill.push((plan.prefillTokens * 1000) / prefillMs);
          times.get(name)!.decode.push(1000 / decodeMs);
        });
      }
    }
    for (const name of [...running.keys()]) {
      await attempt(name, async (child) => {
        const facts = await child.finish();
        const { prefill, decode } = times.get(name)!;
        results[name] = {
          prefillTokensPerSecond: spread(prefill),
          decodeTokensPerSecond: spread(decode),
          facts,
        };
      });
    }
  } finally {
    for (const child of running.values()) child.kill();
  }
  return results;

  /** A peer that fails is reported and left out of what follows. */
  async function attempt(name: string, run: (child: PeerChild) => Promise<void>): Promise<void> {
    const child = running.get(name)!;
    try {
      await run(child);
    } catch (error) {
      results[name] = { failed: error instanceof Error ? error.message : String(error) };
      running.delete(name);
      child.kill();
    }
  }
}

class PeerChild {
  readonly #child: ChildProcess;
  #waiting: ((answer: PeerAnswer) => void) | null = null;
  readonly #early: PeerAnswer[] = [];

  constructor(name: string, config: PeerConfig, core: number | null) {
    const script = join(import.meta.dirname, 'peer-process.ts');
    const pinned =
      core === null
        ? {}
        : { execPath: 'taskset', execArgv: ['-c', String(core), process.execPath] };
    this.#child = fork(script, [name, JSON.stringify(config)], {
      ...pinned,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let errors = '';
    this.#child.stderr?.on('data', (data: Buffer) => {
      errors = (errors + data.toString()).slice(-2000);
    });
    this.#child.on('message', (message) => this.#receive(message as PeerAnswer));
    this.#child.on('exit', (code) =>
      this.#receive({ failed: `${name} ended (${code}): ${errors.trim()}` }),
    );
  }

  async ready(): Promise<void> {
    await this.#answer();
  }

  async ask(question: PeerQuestion): Promise<number> {
    this.#child.send(question);
    const answer = await this.#answer();
    if (!('ms' in answer)) throw new Error('bench: a peer gave no time');
    return answer.ms;
  }

  async finish(): Promise<Readonly<Record<string, unknown>>> {
    this.#child.send({ ask: 'finish' } satisfies PeerQuestion);
    const answer = await this.#answer();
    return 'facts' in answer ? answer.facts : {};
  }

  kill(): void {
    this.#child.kill();
  }

  #receive(answer: PeerAnswer): void {
    if (this.#waiting === null) this.#early.push(answer);
    else this.#waiting(answer);
  }

  async #answer(): Promise<PeerAnswer> {
    const timer = setTimeout(
      () => this.#receive({ failed: 'no answer in time' }),
      ANSWER_TIMEOUT_MS,
    );
    const answer =
      this.#early.shift() ??
      (await new Promise<PeerAnswer>((resolve) => (this.#waiting = resolve)));
    this.#waiting = null;
    clearTimeout(timer);
    if ('failed' in answer) throw new Error(answer.failed);
    return answer;
  }
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1) };
}
