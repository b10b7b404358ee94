/** `thimble finetune` as a person runs it: killed at any moment, and gone on with. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { importSmall, SMALL_TEMPLATE } from '../support/adapter-training.ts';
import { runThimble, startThimble } from '../support/program.ts';

let root = '';
let home = '';
let data = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-finetune-'));
  // THIMBLE_HOME has the models below "data".
  const { modelsRoot } = await importSmall(join(root), 'q8', {}, SMALL_TEMPLATE, 'data/models');
  home = dirname(dirname(modelsRoot));
  data = join(root, 'rows.jsonl');
  const rows = Array.from({ length: 48 }, (_, i) => ({
    prompt: 'ab'.repeat(1 + (i % 5)),
    completion: 'ba'.repeat(1 + (i % 7)),
  }));
  await writeFile(data, rows.map((row) => JSON.stringify(row)).join('\n'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const args = (out: string): string[] => [
  ...['finetune', '-m', 'small', '--data', data, '--out', join(root, out)],
  ...['--rank', '4', '--steps', '400', '--rate', '0.01', '--threads', '2'],
];
const weights = (out: string): Promise<Buffer> =>
  readFile(join(root, out, 'adapter_model.safetensors'));

test('one that is killed, then interrupted, ends with the same weights, to the bit', async () => {
  const whole = await runThimble([...args('whole'), '--json'], { home });
  expect(whole.stderr).not.toContain('error:');
  expect(JSON.parse(whole.stdout)).toMatchObject({ steps: 400, isWhole: true });

  const killed = startThimble(args('cut'), { home });
  await killed.waitFor(/step [345]\d\/400/);
  killed.kill('SIGKILL');
  await killed.ended;
  const interrupted = startThimble(args('cut'), { home });
  await interrupted.waitFor(/step [678]\d\/400/);
  interrupted.kill('SIGINT');
  const { code, stderr } = await interrupted.ended;
  expect(code).toBe(130);
  expect(stderr).toContain('run the same command again');

  const rest = await runThimble(args('cut'), { home });
  expect(rest.stdout).toMatch(/^400 of 400 steps, held-out loss [\d.]+ before, [\d.]+ after/);
  expect(rest.stdout).toMatch(/^next +thimble adapter add small:NAME /m);
  expect((await weights('cut')).equals(await weights('whole'))).toBe(true);
});

test.each([
  [['--epochs', '2', '--steps', '3'], /--epochs and --steps: expected one of them/],
  [['--rank', '65'], /--rank: expected 1 to 64, got 65/],
  [['--targets', 'q,x'], /Expected names of q,k,v,o,gate,up,down/],
  [['--rate', '0'], /--rate: expected a number above 0/],
  [['--max-tokens', '9000'], /--max-tokens: expected 2 to 8192/],
  [['--invocation', ''], /--invocation: expected a text/],
])('refused: %j', async (more, message) => {
  const given = ['finetune', '-m', 'small', '--data', data, ...more];
  const { code, stderr } = await runThimble(given, { home });
  expect(code).toBe(1);
  expect(stderr).toMatch(message);
});
