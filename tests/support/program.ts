/** The program as a person runs it: a process of its own, with folders of its own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { repoRoot } from '../../scripts/lib/paths.ts';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  /** THIMBLE_HOME of the run. */
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

export interface Running {
  readonly pid: number;
  readonly child: ChildProcess;
  /** All that was written so far, both streams in order of arrival. */
  output(): string;
  /** Resolves with the match once the output has it; fails when the program ends before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

/** `thimble ...args`, to its end. */
export function runThimble(args: readonly string[], options: ProgramOptions): Promise<Ended> {
  return start(['scripts/bin/thimble.mjs', ...args], options).ended;
}

export function startThimble(args: readonly string[], options: ProgramOptions): Running {
  return start(['scripts/bin/thimble.mjs', ...args], options);
}

/** `npm start -- ...args`, without npm. */
export function startBootstrap(args: readonly string[], options: ProgramOptions): Running {
  return start(['scripts/bin/bootstrap.mjs', 'start', ...args], options);
}

function start(args: readonly string[], { home, env, input }: ProgramOptions): Running {
  const child = spawn(process.execPath, args, {
    cwd: repoRoot,
    env: { ...process.env, THIMBLE_HOME: home, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '', all: '' };
  const watchers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (part: string) => {
      text[name] += part;
      text.all += part;
      for (const look of watchers) look();
    });
  }
  child.stdin.end(input ?? '');
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => {
      const { stdout, stderr } = text;
      resolve({ code: code ?? (signal === null ? 1 : -1), stdout, stderr });
      for (const look of watchers) look();
    });
  });
  return {
    pid: child.pid ?? 0,
    child,
    output: () => text.all,
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(text.all);
          if (match !== null) resolve(match);
          else if (child.exitCode !== null || child.signalCode !== null) {
            reject(new Error(`ended without ${String(pattern)}:\n${text.all}`));
          } else return;
          watchers.delete(look);
        };
        watchers.add(look);
        look();
      }),
    kill: (signal) => void child.kill(signal),
    ended,
  };
}

/** Processes below `pid`, from /proc (Linux); empty elsewhere. */
export function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of listProcesses()) {
    try {
      const stat = readFileSync(join('/proc', name, 'stat'), 'utf8');
      // The name, in parentheses, may hold anything; the parent is the second field after it.
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It ended while we looked.
    }
  }
  const found = [pid];
  for (const parent of found) {
    for (const [child, itsParent] of parents) if (itsParent === parent) found.push(child);
  }
  return found.slice(1);
}

function listProcesses(): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

export function isRunning(pid: number): boolean {
  try {
    // A zombie is gone in every sense that matters here.
    if (process.platform === 'linux') {
      return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    }
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
