import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { tinyGguf } from '../support/tiny-llama.ts';

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-cli-'));
  await writeFile(join(home, 'tiny.gguf'), tinyGguf());
  await thimble('import', 'tiny.gguf', '--id', 'there');
});
afterAll(() => rm(home, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
/** Runs the program as a user would, with folders of its own. */
function thimble(...args: string[]): Promise<Ended> {
  const program = join(repoRoot, 'scripts/thimble.ts');
  const env = { ...process.env, THIMBLE_HOME: home };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { cwd: home, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}

describe('thimble import and inspect', () => {
  test('import a file, then show it, for people and for scripts', async () => {
    const imported = await thimble('import', 'tiny.gguf', '--id', 'tiny', '--json');
    expect(imported.code).toBe(0);
    expect(JSON.parse(imported.stdout)).toMatchObject({
      id: 'tiny',
      preset: 'lossless',
      architecture: 'llama',
      tensors: 30,
      exactTensors: 30,
    });
    const shown = await thimble('inspect', 'tiny', '--json', '--ctx', '32');
    expect(JSON.parse(shown.stdout)).toMatchObject({
      id: 'tiny',
      licence: 'mit',
      config: { nLayer: 3, nEmbd: 40 },
      memory: { nCtx: 32, fits: true },
      dtypes: [{ dtype: 'f32', sourceDtype: 'F32', tensors: 30, exactTensors: 30 }],
    });
    const text = await thimble('inspect', 'tiny', '--tensors');
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/licence +mit/);
    expect(text.stdout).toMatch(/layers\.2\.downProj +f32 +40 x 33/);
  });

  test('the embedded model imports from where it lies', async () => {
    const source = join(repoRoot, 'assets/stories260k');
    const { code, stdout } = await thimble(
      'import',
      source,
      '--id',
      'stories260k',
      '--preset',
      'edge',
    );
    expect(code).toBe(0);
    expect(stdout).toContain('47 of 47 tensors equal the file');
  });

  test.each([
    [
      'a file that is not there',
      ['import', 'absent.gguf', '--id', 'x'],
      'absent.gguf is not there',
    ],
    ['no id', ['import', 'tiny.gguf'], '--id tiny'],
    [
      'an unknown preset',
      ['import', 'tiny.gguf', '--id', 'x', '--preset', 'q2'],
      'lossless, edge, q8, q6, mix, q4m, q4',
    ],
    ['a model that is not there', ['inspect', 'absent'], 'absent'],
    ['an odd context', ['inspect', 'there', '--ctx', '1.5'], "--ctx '1.5'"],
  ])('%s ends with an error and a way out', async (_, args, text) => {
    const { code, stdout, stderr } = await thimble(...args);
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toContain(text);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  test('a truncated file leaves nothing behind', async () => {
    await writeFile(join(home, 'cut.gguf'), tinyGguf());
    await truncate(join(home, 'cut.gguf'), 20_000);
    const { code, stderr } = await thimble('import', 'cut.gguf', '--id', 'cut');
    expect(code).not.toBe(0);
    expect(stderr).toContain('E_FORMAT_INVALID');
    expect(await readdir(join(home, 'data/models'))).not.toContain('cut');
  });

  test.each(['import', 'inspect'])('%s --help has examples', async (command) => {
    const { code, stdout } = await thimble(command, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('Examples:');
  });
});
