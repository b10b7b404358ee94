/**
 * Whoever kills the program leaves no runtime behind: neither by a signal that can be handled nor by one that cannot.
 * @module-tag slow
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
