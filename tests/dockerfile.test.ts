/** The Dockerfile, as far as that can be told without building it. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repoRoot } from '../scripts/lib/paths.ts';
import { runThimble } from './support/program.ts';

const text = readFileSync(join(repoRoot, 'Dockerfile'), 'utf8').replaceAll('\\\n', ' ');
const ignored = readFileSync(join(repoRoot, '.dockerignore'), 'utf8').split('\n');

function instructions(name: string): string[] {
  return text
    .split('\n')
    .flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []));
}

/** What is copied from the repository. */
const copied = instructions('COPY').flatMap((line) =>
  line
    .split(' ')
    .filter((part) => !part.startsWith('--'))
    .slice(0, -1),
);

/** The list of words of an instruction. */
function wordsOf(name: string): string[] {
  const [line = ''] = instructions(name);
  return JSON.parse(line.slice(line.indexOf('['))) as string[];
}

test('every path that is copied exists, and none is ignored', () => {
  expect(copied.length).toBeGreaterThan(8);
  for (const path of copied) {
    expect(existsSync(join(repoRoot, path)), path).toBe(true);
    expect(ignored).not.toContain(path);
  }
});

test('all that bundles are built from is copied', () => {
  const needed = ['engine', 'worker', 'web', 'scripts', 'assets', 'wrangler.toml', 'package.json'];
  for (const path of needed) expect(copied).toContain(path);
});

test('it does not run as root, and keeps models on a volume', () => {
  expect(instructions('USER')).toEqual(['node']);
  expect(text.indexOf('USER node')).toBeLessThan(text.indexOf('npm ci'));
  const [volume = ''] = instructions('VOLUME');
  expect(instructions('ENV')).toContain(`THIMBLE_HOME=${volume}`);
});

test('its command is one that thimble takes, on the port that is checked', async () => {
  const [node, program, ...args] = wordsOf('ENTRYPOINT');
  expect([node, program]).toEqual(['node', 'scripts/bin/thimble.mjs']);
  const port = args[args.indexOf('--port') + 1]!;
  expect(instructions('EXPOSE')).toEqual([port]);
  expect(wordsOf('HEALTHCHECK').at(-1)).toContain(`http://127.0.0.1:${port}/healthz`);
  const home = await mkdtemp(join(tmpdir(), 'thimble-docker-'));
  try {
    // Stops right after the options were understood.
    const { stderr } = await runThimble([...args, '--memory', '1MB'], { home });
    expect(stderr).toMatch(/^error: memory of an isolate: 1000000 bytes/);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
