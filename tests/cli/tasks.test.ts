/**
 * The task commands: on a model in this process, and on a server, with the same result.
 * @module-tag slow
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';
import { STORIES_FILE } from '../support/models.ts';
import { runThimble } from '../support/program.ts';

const TEXT = 'Lily has a red ball. Tom went to the park.\n\nThe dog is brown.\n';
const SCHEMA = {
  type: 'object',
  properties: { n: { type: 'integer', maximum: 9, minimum: 0 } },
  required: ['n'],
};

let home = '';
let server: SharedServer;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-tasks-'));
  await writeFile(join(home, 'text.txt'), TEXT);
  await writeFile(join(home, 'schema.json'), JSON.stringify(SCHEMA));
  await writeFile(join(home, 'broken.json'), '{');
  const imported = await runThimble(['import', STORIES_FILE, '--id', STORIES_ID], { home });
  expect(imported).toMatchObject({ code: 0 });
  server = await shareTestServer();
});
afterAll(async () => {
  await server.close();
  await rm(home, { recursive: true, force: true });
});

const inHome = (args: readonly string[]): string[] => args.map((arg) => arg.replace('HOME', home));
const here = ['-m', STORIES_ID];

describe.each<[string, string[]]>([
  ['summarize', ['HOME/text.txt', '--max-words', '6']],
  ['translate', ['HOME/text.txt', '--to', 'French', '--max-tokens', '8']],
  ['extract', ['HOME/text.txt', '--schema', 'HOME/schema.json', '--max-tokens', '40']],
  ['classify', ['HOME/text.txt', '--label', 'happy', '--label', 'sad=not happy']],
  ['rewrite', ['HOME/text.txt', '--tone', 'formal', '--max-tokens', '20']],
  ['answer', ['HOME/text.txt', '-q', 'Where did Tom go?', '--min-gain', '-9', '--max-tokens', '8']],
])('thimble %s', (name, args) => {
  test('in this process gives what the server gives', async () => {
    const command = inHome([name, ...args, '--json', ...here]);
    const own = await runThimble(command, { home });
    expect(own).toMatchObject({ code: 0, stderr: '' });
    const served = await runThimble([...command, '--url', server.url], { home });
    expect(served).toMatchObject({ code: 0 });
    const [a, b] = [own, served].map(({ stdout }) => JSON.parse(stdout) as Record<string, unknown>);
    for (const field of ['usage', 'timings', 'resources']) {
      expect(a).toHaveProperty(field);
      delete a![field];
      delete b![field];
    }
    expect(a).toEqual(b);
    expect(a).toHaveProperty('object', `task.${name}`);
  });
});

test('results are for people without --json; "-" is standard input', async () => {
  const labels = ['classify', '-', '--label', 'happy', '--label', 'sad', ...here];
  const { stdout } = await runThimble(labels, { home, input: TEXT });
  expect(stdout).toMatch(/^0\.\d{3} {2}(happy|sad)\n0\.\d{3} {2}(happy|sad)\n$/);
  const question = ['-q', 'Where did Tom go?', '--min-gain', '-9', '--max-tokens', '4'];
  const quoted = await runThimble(['answer', join(home, 'text.txt'), ...question, ...here], {
    home,
  });
  const [, start = '', end = '', quote] = /^ {2}(\d+)-(\d+): "(.*)"$/m.exec(quoted.stdout) ?? [];
  expect(TEXT.slice(Number(start), Number(end))).toBe(quote);
  const none = ['answer', '-', '-q', 'Where?', '--min-gain', '90', ...here];
  expect(await runThimble(none, { home, input: TEXT })).toMatchObject({
    stdout: 'not found in the text\n',
  });
});

test.each([
  [['classify', 'HOME/text.txt', '--label', 'a'], 'labels: expected at least 2 labels'],
  [['classify', 'HOME/text.txt', '--label', 'a', '--label', 'a'], 'labels[1]: expected a label'],
  [['translate', 'HOME/text.txt'], 'target: expected a string, got nothing'],
  [['classify', 'HOME/text.txt'], 'Set it with --label LABEL, once for each label.'],
  [['translate', 'HOME/text.txt'], 'Set it with --to LANGUAGE.'],
  [['answer', 'HOME/text.txt'], 'Set it with -q QUESTION.'],
  [['rewrite', 'HOME/text.txt'], 'Set it with --tone TONE or --instruction TEXT.'],
  [['extract', 'HOME/text.txt', '--schema', 'HOME/broken.json'], 'expected JSON'],
  [['extract', 'HOME/text.txt', '--schema', 'HOME/none.json'], 'cannot read --schema'],
  [['summarize', 'HOME/none.txt'], 'cannot read FILE'],
  [['summarize', 'HOME/text.txt', '--url', 'nowhere'], 'expected an address'],
  [['summarize', 'HOME/text.txt', '--url', 'http://127.0.0.1:9'], 'does not answer'],
])('thimble %j fails and says why', async (args, message) => {
  const { code, stderr, stdout } = await runThimble(inHome([...args, ...here]), { home });
  expect(code).toBe(1);
  expect(stderr).toContain(message);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stdout).toBe('');
});

test("a server's refusal has its code", async () => {
  const args = ['summarize', join(home, 'text.txt'), '-m', 'none', '--url', server.url];
  const { code, stderr } = await runThimble(args, { home });
  expect(code).toBe(1);
  expect(stderr).toContain('[E_MODEL_NOT_FOUND]');
});
