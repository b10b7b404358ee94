/** The commands of `thimble bench`: their help, what they refuse, and that they measure what they say. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BENCH_GROUPS, BENCH_ROWS } from '../../scripts/bench/report/rows.ts';
import { createProgram } from '../../scripts/commands/program/program.ts';
import { runThimble } from '../support/program.ts';

const MODEL = 'stories260k';
const OTHERS = [
  ...['all', 'quick', 'peers', 'kernels', 'embeddings', 'retrieval', 'recognition'],
  ...[
    'voice',
    'voice-words',
    'grammars',
    'onnx-memory',
    'ring',
    'fleet',
    'guards',
    'vision',
    'tower',
    'pictures',
    'adapters',
  ],
  'train',
];
const COMMANDS = [...Object.keys(BENCH_GROUPS), ...OTHERS];

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-bench-commands-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

test('bench --help lists every command, and what replaced the former options', async () => {
  const { code, stdout } = await runThimble(['bench', '--help'], { home });
  expect(code).toBe(0);
  const listed = [...stdout.matchAll(/^ {2}([a-z-]+) \[/gm)].map(([, name]) => name);
  expect(listed.filter((name) => name !== 'help').sort()).toEqual(COMMANDS.toSorted());
  expect(stdout).toMatch(/--kernels +thimble bench kernels/);
});

test.each(COMMANDS)('the help of bench %s has examples', async (name) => {
  const program = await createProgram(['bench']);
  let help = '';
  const bench = program.commands.find((one) => one.name() === 'bench')!;
  const command = bench.commands.find((one) => one.name() === name)!;
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  expect(help).toContain(`Usage: thimble bench ${name}`);
  expect(help).toMatch(
    new RegExp(`Examples:[\\s\\S]*thimble bench${name === 'all' ? '' : ` ${name}`}`),
  );
});

test('a group measures its rows, those that fit the model', async () => {
  const { code, stdout } = await runThimble(
    ['bench', 'decode', '-m', MODEL, '--only', 'node', '--rounds', '1', '--json'],
    { home },
  );
  expect(code).toBe(0);
  const { rows } = JSON.parse(stdout) as { rows: { name: string }[] };
  const names = BENCH_ROWS.filter(({ group }) => group === 'decode').map(({ name }) => name);
  // The model has 512 positions.
  expect(rows.map(({ name }) => name)).toEqual(names.slice(0, 1));
}, 60_000);

test.each([
  [['decod'], 'bench: unknown command decod; expected one of all, '],
  [['-m', MODEL, 'decode'], 'A command comes before its options.'],
  [['peers', 'decode-16'], "too many arguments for 'peers'"],
  [['peers', '--rows', 'decode-17'], 'bench: --rows decode-17; expected some of prefill-32'],
  [['decode', '--rows', 'decode-16'], "unknown option '--rows'"],
  [['quick', '--only', 'ollama'], 'bench: --only ollama; expected some of workerd'],
  [['quick', '--chart', 'nowhere/x.svg'], 'bench: cannot write nowhere/x.svg (ENOENT)'],
  [['recognition'], "missing required argument 'folder'"],
  [['recognition', '/nowhere'], 'Run: thimble bench recognition FOLDER'],
  [['retrieval', '/nowhere'], 'bench: /nowhere cannot be read. Give a text file'],
  [['voice-words', '/nowhere'], 'bench: /nowhere cannot be read. Give a text file'],
  [['onnx-memory'], 'Run: thimble import piper-en-us-joe'],
  [['pictures', 'one.png'], 'expected at least 2'],
  [['pictures', '/nowhere.jpg', '/no.jpg'], 'bench: /nowhere.jpg; expected a file'],
])(
  'bench %j is refused',
  async (args, message) => {
    const { code, stdout, stderr } = await runThimble(['bench', ...args], { home });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  },
  60_000,
);
