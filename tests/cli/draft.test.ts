/** `--draft` of generate, chat and dev: the same text with a second model that guesses ahead. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runThimble } from '../support/program.ts';
import type { Ended } from '../support/program.ts';
import { STORIES_FILE } from '../support/models.ts';
import { randomConfig, randomGguf, randomLlama } from '../support/random-llama.ts';

const DRAFTED = /^(\d+) tokens, (\d+) drafted, (\d+) of them accepted$/m;

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-draft-'));
  const other = join(home, 'other.gguf');
  const config = randomConfig({ nVocab: 264 });
  await writeFile(other, randomGguf(config, randomLlama(config), { dtype: 'F16' }));
  const models = [
    [STORIES_FILE, '--id', 'large'],
    [STORIES_FILE, '--id', 'small', '--preset', 'q4'],
    [other, '--id', 'other'],
  ];
  for (const args of models) expect(await thimble('import', ...args)).toMatchObject({ code: 0 });
});
afterAll(() => rm(home, { recursive: true, force: true }));

function thimble(...args: string[]): Promise<Ended> {
  return runThimble(args, { home });
}

test('generate writes the text it writes alone, and what was drafted', async () => {
  const greedy = ['generate', '-m', 'large', '-p', 'Once upon a time', '--greedy'];
  const alone = await thimble(...greedy);
  const drafted = await thimble(...greedy, '--draft', 'small');
  expect(drafted.code).toBe(0);
  expect(drafted.stdout).toBe(alone.stdout);
  expect(alone.stderr).not.toMatch(DRAFTED);
  const [, nToken, nDrafted, nAccepted] = DRAFTED.exec(drafted.stderr)!.map(Number);
  expect(nToken).toBe(200);
  expect(nAccepted).toBeLessThanOrEqual(nDrafted!);
});

test('chat does the same', async () => {
  const args = ['chat', '-m', 'large', '--greedy', '--max-tokens', '10'];
  const alone = await runThimble(args, { home, input: 'Lily\n' });
  const drafted = await runThimble([...args, '--draft', 'small'], { home, input: 'Lily\n' });
  expect(drafted).toMatchObject({ code: 0, stdout: alone.stdout });
  expect(drafted.stderr).toMatch(DRAFTED);
});

test.each(['generate', 'chat', 'dev'])(
  '%s refuses a draft model of another family',
  async (name) => {
    const args = name === 'dev' ? ['--port', '0', '--model'] : ['-m'];
    const { code, stderr } = await thimble(name, ...args, 'large', '--draft', 'other');
    expect(code).toBe(1);
    expect(stderr).toContain(
      'draft: other (264 tokens) has another tokenizer than large (512 tokens)',
    );
    expect(stderr).not.toMatch(/^\s+at /m);
  },
);

test('an unknown draft model is named', async () => {
  const { code, stderr } = await thimble('generate', '-m', 'large', '--draft', 'none', '-p', 'x');
  expect(code).toBe(1);
  expect(stderr).toContain('none');
});
