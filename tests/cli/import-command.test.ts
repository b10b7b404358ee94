/**
 * `thimble import` and `inspect` as a person runs them.
 * @module-tag slow
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { FAMILY_FIXTURES } from '../support/family-fixtures.ts';
import { writeFixtureFolder } from '../support/fixture-model.ts';
import { tinyGguf } from '../support/tiny-llama.ts';

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-cli-'));
  await writeFile(join(home, 'tiny.gguf'), tinyGguf());
  for (const name of ['graph.onnx', 'en-US_ta.bin']) await writeFile(join(home, name), '');
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

  test('a model that one isolate cannot hold is imported, and needs several', async () => {
    const longContext = tinyGguf({ 'llama.context_length': ['u32', 1 << 20] });
    await writeFile(join(home, 'long.gguf'), longContext);
    const imported = await thimble('import', 'long.gguf', '--id', 'long', '--preset', 'edge');
    expect(imported.code).toBe(0);
    const { stdout } = await thimble('inspect', 'long', '--ctx', '1000000');
    expect(stdout).toMatch(
      /memory .* needs several isolates: thimble plan long, or a smaller --ctx/,
    );
  });

  test.each([
    [
      'gemma3',
      /architecture +gemma3: 7 layers/,
      /windows +24 tokens in 6 of 7 layers, theta 10000/,
    ],
    ['olmoe', /architecture +olmoe/, /experts +6, 2 for each token/],
    ['gpt2', /architecture +gpt2/, /positions +learned, 128/],
  ])('says what is special about %s', async (family, ...lines) => {
    const fixture = FAMILY_FIXTURES.find((row) => row.family === family)!;
    await writeFixtureFolder(join(home, family), fixture);
    expect((await thimble('import', family, '--id', family)).code).toBe(0);
    const { stdout } = await thimble('inspect', family);
    for (const line of lines) expect(stdout).toMatch(line);
    const text = await thimble(
      'generate',
      '-m',
      family,
      '-p',
      'a b',
      '--max-tokens',
      '3',
      '--greedy',
    );
    expect(text.code).toBe(0);
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
      'lossless, edge, q8, q6b, q6, q5, mix, q4m, q4',
    ],
    [
      'a budget that is no size',
      ['import', 'tiny.gguf', '--id', 'x', '--fit', 'much'],
      'such as 128MB',
    ],
    [
      'a budget and a preset',
      ['import', 'tiny.gguf', '--id', 'x', '--fit', '128MB', '--preset', 'q4'],
      'cannot be used with',
    ],
    [
      'a context without a budget',
      ['import', 'tiny.gguf', '--id', 'x', '--ctx', '64'],
      '--ctx only go with --fit',
    ],
    ['a table with an id', ['import', 'tiny.gguf', '--id', 'x', '--compare'], 'Leave --id out'],
    [
      'a budget nothing fits',
      ['import', 'tiny.gguf', '--id', 'x', '--fit', '4MB'],
      'with every tensor in its smallest type the model needs',
    ],
    [
      'a text that is not there',
      ['import', 'tiny.gguf', '--compare', '--text', 'absent.txt'],
      'cannot read --text absent.txt',
    ],
    [
      'a calibration that is not there',
      ['import', 'tiny.gguf', '--id', 'x', '--calibration', 'absent'],
      '--calibration absent is not there',
    ],
    [
      'a calibration that is none',
      ['import', 'tiny.gguf', '--id', 'x', '--calibration', 'tiny.gguf'],
      'not a safetensors file',
    ],
    ['a model to calibrate that is not there', ['calibrate', '-m', 'absent'], 'absent'],
    [
      'a text to calibrate with that is not there',
      ['calibrate', '-m', 'there', '--text', 'absent.txt'],
      'cannot read --text absent.txt',
    ],
    [
      'a task of a model of weights',
      ['import', 'tiny.gguf', '--id', 'x', '--task', 'tensors', '--dim', 'a=1'],
      '--task and --dim with tiny.gguf; expected --preset, --fit,',
    ],
    [
      'a preset of a graph',
      ['import', 'graph.onnx', '--id', 'x', '--preset', 'edge'],
      '--preset with graph.onnx; expected --task, --dim for an ONNX graph. Leave it out.',
    ],
    [
      'options of a voice',
      ['import', 'en-US_ta.bin', '--id', 'x', '--fit', '128MB'],
      '--fit with en-US_ta.bin; expected none of these options for a voice of SVOX Pico.',
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

  test('a budget: types chosen, predicted and measured', async () => {
    const source = join(repoRoot, 'assets/stories260k');
    const options = ['--id', 'fitted', '--fit', '13MB', '--max-tokens', '300', '--json'];
    const { code, stdout } = await thimble('import', source, ...options);
    expect(code).toBe(0);
    const { preset, fit } = JSON.parse(stdout) as {
      preset: string;
      fit: { planBytes: number; predictedChange: number; measuredChange: number; rows: unknown[] };
    };
    expect(preset).toBe('fit');
    expect(fit.planBytes).toBeLessThanOrEqual(13e6);
    expect(fit.rows).toHaveLength(2);
    expect(Math.abs(fit.measuredChange)).toBeLessThan(0.2);
    const shown = await thimble('inspect', 'fitted', '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({ id: 'fitted', preset: 'fit' });
  });

  test('calibrate leaves what import finds', async () => {
    const made = await thimble('calibrate', '-m', 'there', '--max-tokens', '50', '--json');
    expect(made.code).toBe(0);
    const { path, nTokens, tensors } = JSON.parse(made.stdout) as Record<string, unknown>;
    expect({ nTokens, tensors }).toEqual({ nTokens: 51, tensors: 22 });
    expect(String(path)).toContain(join(home, 'cache/calibration'));
    const options = ['--id', 'weighed', '--preset', 'q4', '--calibration', 'auto', '--json'];
    const { code, stdout } = await thimble('import', 'tiny.gguf', ...options);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ preset: 'q4', warnings: [] });
  });

  test('--compare prints a table and keeps nothing', async () => {
    const { code, stdout } = await thimble(
      'import',
      'tiny.gguf',
      '--compare',
      '--max-tokens',
      '40',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\| lossless \| 0\.\d \|/m);
    expect(stdout).toMatch(/^\| q4 \| 0\.\d \|/m);
    expect((await readdir(join(home, 'cache'))).filter((name) => /compare/.test(name))).toEqual([]);
    expect(await readdir(join(home, 'data/models'))).not.toContain('q4');
  });

  test('a truncated file leaves nothing behind', async () => {
    await writeFile(join(home, 'cut.gguf'), tinyGguf());
    await truncate(join(home, 'cut.gguf'), 20_000);
    const { code, stderr } = await thimble('import', 'cut.gguf', '--id', 'cut');
    expect(code).not.toBe(0);
    expect(stderr).toContain('E_FORMAT_INVALID');
    expect(await readdir(join(home, 'data/models'))).not.toContain('cut');
  });

  test.each(['import', 'inspect', 'calibrate'])('%s --help has examples', async (command) => {
    const { code, stdout } = await thimble(command, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('Examples:');
  });
});
