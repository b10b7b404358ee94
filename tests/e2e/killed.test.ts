/**
 * Whoever kills the program leaves no runtime behind: neither by a signal that can be handled nor by one that cannot.
 * @module-tag slow
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { descendantsOf, isRunning, runThimble, startThimble } from '../support/program.ts';
import { STORIES_FILE } from '../support/models.ts';

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-killed-'));
  const imported = await runThimble(['import', STORIES_FILE, '--id', 'stories260k'], { home });
  expect(imported).toMatchObject({ code: 0 });
});
afterAll(() => rm(home, { recursive: true, force: true }));

const isLinux = process.platform === 'linux' && existsSync('/proc/self/stat');

/** Resolves when none of the processes is left; the test's own limit ends a wait in vain. */
async function allEnded(ids: readonly number[]): Promise<void> {
  while (ids.some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 20));
}

test.runIf(isLinux).each(['SIGKILL', 'SIGTERM', 'SIGHUP', 'SIGINT'] as const)(
  'dev and its runtime end by %s',
  { timeout: 60_000 },
  async (signal) => {
    const running = startThimble(['dev', '--port', '0', '--model', 'stories260k'], { home });
    await running.waitFor(/Serving stories260k/);
    const ids = descendantsOf(running.pid);
    expect(ids.length).toBeGreaterThan(0);
    running.kill(signal);
    await running.ended;
    await allEnded(ids);
    expect(ids.filter(isRunning)).toEqual([]);
  },
);

/** As packages.mjs starts the program where another version of Node runs it. */
const STARTER = `
  const { spawn } = require('node:child_process');
  const args = ['scripts/bin/thimble.mjs', ...process.argv.slice(1)];
  spawn(process.execPath, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
`;

test.runIf(isLinux)(
  'dev and its runtime end when what has started them is killed',
  { timeout: 60_000 },
  async () => {
    const args = ['-e', STARTER, 'dev', '--port', '0', '--model', 'stories260k'];
    const starter = spawn(process.execPath, args, {
      cwd: repoRoot,
      env: { ...process.env, THIMBLE_HOME: home },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    for await (const text of starter.stdout.setEncoding('utf8')) {
      output += String(text);
      if (output.includes('Serving stories260k')) break;
    }
    const ids = descendantsOf(starter.pid!);
    expect(ids.length).toBeGreaterThan(1);
    starter.kill('SIGKILL');
    await allEnded(ids);
    expect(ids.filter(isRunning)).toEqual([]);
  },
);
