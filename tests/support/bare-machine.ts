/** A machine with Node and npm and nothing of this repository: a folder, a PATH, an environment of its own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { repoRoot } from '../../scripts/lib/paths.ts';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  /** All that was written so far. */
  output(): string;
  readonly finished: Promise<Finished>;
}

/** What a PATH has: `sh` runs the scripts of npm. */
const PROGRAMS = ['node', 'npm', 'npx', 'sh'];
/** How this machine reaches its registry. */
const NETWORK =
  /^(npm_config_(registry|cafile|strict_ssl)|https?_proxy|no_proxy|node_extra_ca_certs)$/i;

export class BareMachine {
  readonly root: string;
  readonly #env: Record<string, string>;

  private constructor(root: string, env: Record<string, string>) {
    this.root = root;
    this.#env = env;
  }

  /** Programs come from the system's PATH, not from this repository's packages. */
  static async make(): Promise<BareMachine> {
    const root = await mkdtemp(join(tmpdir(), 'thimble-bare-'));
    await mkdir(join(root, 'bin'));
    for (const name of PROGRAMS) await symlink(findProgram(name), join(root, 'bin', name));
    const network = Object.entries(process.env).filter(([name]) => NETWORK.test(name));
    return new BareMachine(root, {
      ...(Object.fromEntries(network) as Record<string, string>),
      PATH: join(root, 'bin'),
      HOME: process.env['HOME'] ?? root,
      THIMBLE_HOME: join(root, 'home'),
    });
  }

  start(command: string, args: readonly string[], folder = this.root): Started {
    const child = spawn(join(this.root, 'bin', command), args, {
      cwd: folder,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (part: string) => (text[name] += part));
    const finished = new Promise<Finished>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, ...text }));
    });
    return { child, output: () => text.stdout + text.stderr, finished };
  }

  /** Runs a program to its end. @throws {Error} with its output when it fails */
  async run(command: string, args: readonly string[], folder = this.root): Promise<Finished> {
    const finished = await this.start(command, args, folder).finished;
    if (finished.code === 0) return finished;
    throw new Error(
      `${command} ${args.join(' ')}: exit code ${finished.code}\n${finished.stdout}\n${finished.stderr}`,
    );
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}

function findProgram(name: string): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = folders
    .filter((folder) => !folder.startsWith(repoRoot))
    .map((folder) => join(folder, name))
    .find(existsSync);
  if (found === undefined) throw new Error(`${name}: not on PATH`);
  return found;
}
