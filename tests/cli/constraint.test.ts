/** `thimble generate` held to a schema, a pattern or a grammar. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runThimble } from '../support/program.ts';
import type { Ended } from '../support/program.ts';
import { STORIES_FILE } from '../support/models.ts';

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-constraint-'));
  await writeFile(join(home, 'schema.json'), JSON.stringify({ enum: ['cat', 'dog', null] }));
  await writeFile(join(home, 'bad.json'), '{"type": ');
  await writeFile(join(home, 'list.gbnf'), 'root ::= "-" [a-z]{2,4} ("," [a-z]{2,4})?');
  await runThimble(['import', STORIES_FILE, '--id', 'stories'], { home });
});
afterAll(() => rm(home, { recursive: true, force: true }));

function generate(...args: string[]): Promise<Ended> {
  const about = ['generate', '-m', 'stories', '-p', 'Once upon a time', '--seed', '4'];
  return runThimble([...about, ...args], { home });
}

test.each([
  ['--json-schema', 'schema.json', /^("cat"|"dog"|null)\n$/],
  ['--grammar', 'list.gbnf', /^-[a-z]{2,4}(,[a-z]{2,4})?\n$/],
])('%s %s', async (option, file, expected) => {
  const { code, stdout } = await generate(option, join(home, file));
  expect(code).toBe(0);
  expect(stdout).toMatch(expected);
});

test('--regex', async () => {
  expect(await generate('--regex', '(yes|no), [0-9]{2}')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^(yes|no), [0-9]{2}\n$/) as string,
  });
});

test.each([
  [['--json-schema', 'bad.json'], 'is not JSON'],
  [['--json-schema', 'missing.json'], 'cannot be read'],
  [['--regex', '(?=a)'], 'lookahead'],
  [['--regex', 'a', '--grammar', 'list.gbnf'], 'expected one of'],
])('%j is refused', async (args, word) => {
  const files = args.map((arg) => (/\.(json|gbnf)$/.test(arg) ? join(home, arg) : arg));
  const { code, stderr } = await generate(...files);
  expect(code).not.toBe(0);
  expect(stderr).toContain(word);
});
