/** One peer in a process of its own, pinned to the measured core with everything it starts. */
import { fork, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { othersShare, readCoreTimes } from './core-share.ts';
import type { CoreTimes } from './core-share.ts';
import type { Answer, PeerConfig, PeerMessage, PeerReply } from './peer.ts';
import type { PeerName } from './peers.ts';

/** Includes the start of a slow browser. */
const REPLY_TIMEOUT_MS = 300_000;
/** Errors contain this much of what the process wrote. */
const KEEP_CHARS = 2000;

/** One core for everything that is measured; null where the tool is missing. */
export function pinnedCore(): number | null {
  const core = availableParallelism() - 1;
  const works = spawnSync('taskset', ['-c', String(core), 'true']).status === 0;
  return works ? core : null;
}

export interface WatchedAnswer extends Answer {
  /** Share of the core's time that other programs took meanwhile; null where it is unknown. */
  readonly othersShare: number | null;
}

export class PeerChild {
  readonly #child: ChildProcess;
  readonly #core: number | null;
  readonly #ended: Promise<void>;
  #waiting: ((reply: PeerReply) => void) | null = null;
  readonly #early: PeerReply[] = [];

  constructor(name: PeerName, config: PeerConfig, core: number | null) {
    this.#core = core;
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
      errors = (errors + data.toString()).slice(-KEEP_CHARS);
    });
    this.#child.on('message', (message) => this.#receive(message as PeerReply));
    this.#ended = new Promise((resolve) => {
      this.#child.on('exit', (code) => {
        this.#receive({ failed: `${name} ended (${code}): ${errors.trim()}` });
        resolve();
      });
    });
  }

  async ready(): Promise<void> {
    await this.#reply();
  }

  async ask(message: PeerMessage): Promise<WatchedAnswer> {
    const before = this.#coreTimes();
    this.#child.send(message);
    const reply = await this.#reply();
    if (!('answer' in reply)) throw new Error('bench: a peer did not answer');
    return { ...reply.answer, othersShare: othersShare(before, this.#coreTimes()) };
  }

  /** Ends the process and what it started. */
  async end(): Promise<void> {
    this.#child.kill();
    await this.#ended;
  }

  #coreTimes(): CoreTimes | null {
    const { pid } = this.#child;
    return this.#core === null || pid === undefined ? null : readCoreTimes(this.#core, pid);
  }

  #receive(reply: PeerReply): void {
    if (this.#waiting === null) this.#early.push(reply);
    else this.#waiting(reply);
  }

  async #reply(): Promise<PeerReply> {
    const timer = setTimeout(
      () => this.#receive({ failed: 'no answer in time' }),
      REPLY_TIMEOUT_MS,
    );
    const reply =
      this.#early.shift() ?? (await new Promise<PeerReply>((resolve) => (this.#waiting = resolve)));
    this.#waiting = null;
    clearTimeout(timer);
    if ('failed' in reply) throw new Error(reply.failed);
    return reply;
  }
}
