/** `thimble eval translation` as a person runs it: pairs divided, learned, measured and recorded. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { importSmall, SMALL_TEMPLATE } from '../support/adapter-training.ts';
import { runThimble } from '../support/program.ts';
import type { TranslationReport } from '../../scripts/finetune/translation/evaluate.ts';
import { adapterHashes, readRecord } from '../../scripts/finetune/measure/record.ts';
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';

let root = '';
let home = '';
let pairs = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-translation-'));
  // Room for prompts with examples; THIMBLE_HOME has the models below "data".
  const changes = { nCtx: 1024 };
  const { modelsRoot } = await importSmall(root, 'q8', changes, SMALL_TEMPLATE, 'data/models');
  home = dirname(dirname(modelsRoot));
  pairs = join(root, 'pairs.tsv');
  const random = new SeededRandom(3);
  const lines = Array.from({ length: 300 }, () => {
    const words = Array.from({ length: random.integer(2, 4) }, () =>
      Array.from({ length: random.integer(1, 3) }, () => (random.chance(0.5) ? 'a' : 'b')).join(''),
    );
    const source = words.join(' ');
    // A language in which a is b and b is a.
    return `${source}\t${source.replace(/[ab]/g, (one) => (one === 'a' ? 'b' : 'a'))}\tby nobody`;
  });
  await writeFile(pairs, lines.join('\n'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const run = (...args: string[]) => runThimble(args, { home });

test('an adapter that has learned a language is measured above its base, and recorded', async () => {
  const data = join(root, 'data');
  const made = await run(
    ...['eval', 'translation', '--make', data, '--pairs', pairs],
    ...['--test', '12', '--choice', '3'],
  );
  expect(`${made.code} ${made.stdout}`).toMatch(/^0 .* to learn, 12 sentences to measure on and 3/);
  const adapter = join(root, 'adapter');
  const learned = await run(
    ...['finetune', '-m', 'small', '--data', join(data, 'train.jsonl'), '--out', adapter],
    ...['--steps', '150', '--rate', '0.02', '--rank', '16', '--halves', '--threads', '1'],
  );
  expect([learned.code, learned.stderr]).toEqual([0, expect.stringContaining('step 150/150')]);
  const measure = (...more: string[]) =>
    run(...['eval', 'translation', '-m', 'small', '--adapter', adapter, '--data', data], ...more);
  const out = join(root, 'answers.jsonl');
  const { code, stdout, stderr } = await measure('--record', '--out', out, '--json');
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  const report = JSON.parse(stdout) as TranslationReport;
  expect(report).toMatchObject({ model: 'small', nTest: 12, nChoice: 3, nSameOff: 12 });
  expect(report.prompts).toHaveLength(5);
  expect(report.adapter.chrf).toBeGreaterThan(report.base.chrf);
  const told = (await readFile(out, 'utf8')).trimEnd().split('\n');
  expect(told).toHaveLength(3 * 5 + 2 * 12);
  const record = await readRecord<TranslationReport>(adapter);
  expect(record.report).toEqual(report);
  expect(record.files).toEqual(await adapterHashes(adapter));
  expect(Object.keys(record.data)).toEqual(['train.jsonl', 'test.jsonl', 'choice.jsonl']);
  const agreed = await run(
    ...['eval', 'translation', '-m', 'small', '--adapter', adapter, '--agreement', '--json'],
  );
  const none = { n: 28, men: { value: 0 }, women: { value: 0 } };
  expect(JSON.parse(agreed.stdout)).toMatchObject({ I: none, he: none, she: none });
}, 120_000);

test.each([
  [['--make', 'x'], /--make: expected --pairs/],
  [['--adapter', 'x'], /expected --adapter and --data, or --make/],
  [['--agreement'], /--agreement: expected --adapter/],
  [['--adapter', 'x', '--data', 'nowhere'], /data: .*train\.jsonl: cannot be read/],
])('refused: %j', async (more, message) => {
  const { code, stderr } = await run('eval', 'translation', ...more);
  expect(code).toBe(1);
  expect(stderr).toMatch(message);
});
