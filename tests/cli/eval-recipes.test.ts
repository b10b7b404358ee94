/** `thimble eval extraction`, `persona` and `bias` as a person runs them: made, learned, measured and recorded. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BiasReport } from '../../scripts/eval/bias.ts';
import type { ExtractionReport } from '../../scripts/finetune/extraction/evaluate.ts';
import { NAMES, type NameReport, type ToldName } from '../../scripts/finetune/extraction/names.ts';
import { adapterHashes, readRecord } from '../../scripts/finetune/measure/record.ts';
import { writeRows } from '../../scripts/finetune/measure/rows-file.ts';
import type { PersonaReport, Told } from '../../scripts/finetune/persona/evaluate.ts';
import type { PersonaItem } from '../../scripts/finetune/persona/make.ts';
import { scorePersona } from '../../scripts/finetune/persona/score.ts';
import { importSmall, SMALL_TEMPLATE } from '../support/adapter-training.ts';
import { runThimble } from '../support/program.ts';

let root = '';
let home = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-recipes-'));
  // Room for prompts with facts and examples, a token a byte; THIMBLE_HOME has the models below "data".
  const changes = { nCtx: 8192 };
  const { modelsRoot } = await importSmall(root, 'q8', changes, SMALL_TEMPLATE, 'data/models');
  home = dirname(dirname(modelsRoot));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const run = (...args: string[]) => runThimble(args, { home });

interface Learned {
  readonly data: string;
  readonly adapter: string;
}
const learned = new Map<string, Promise<Learned>>();

/** Once for each recipe. */
function learn(recipe: string): Promise<Learned> {
  const known = learned.get(recipe) ?? learnTwoSteps(recipe);
  learned.set(recipe, known);
  return known;
}

/** A network of random weights learns no sentence. */
async function learnTwoSteps(recipe: string): Promise<Learned> {
  const data = join(root, recipe);
  const made = await run('eval', recipe, '--make', data, '--train', '20');
  expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/: 20 \w+ .*to learn/)]);
  const adapter = join(root, `${recipe}-adapter`);
  const { code, stderr } = await run(
    ...['finetune', '-m', 'small', '--data', join(data, 'train.jsonl'), '--out', adapter],
    ...['--steps', '2', '--max-tokens', '900', '--halves', '--threads', '1'],
  );
  expect([code, stderr]).toEqual([0, expect.stringContaining('step 2/2')]);
  return { data, adapter };
}

async function readLines<T>(file: string): Promise<T[]> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as T);
}

test('an adapter that extracts is measured beside its base, freely and under the grammar', async () => {
  const { data, adapter } = await learn('extraction');
  // Schemas that allow one object: the grammar alone makes it right.
  const schema = { type: 'object', properties: { ok: { enum: [true] }, n: { enum: [7] } } };
  const item = (text: string) => ({ family: 'own', schema, text, expected: { ok: true, n: 7 } });
  await writeRows(join(data, 'test.jsonl'), ['aa', 'ab', 'ba'].map(item));
  await writeRows(join(data, 'choice.jsonl'), [item('ac')]);
  const out = join(root, 'extracted.jsonl');
  const { code, stdout, stderr } = await run(
    ...['eval', 'extraction', '-m', 'small', '--adapter', adapter, '--data', data],
    ...['--record', '--out', out, '--json'],
  );
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  const report = JSON.parse(stdout) as ExtractionReport;
  expect(report).toMatchObject({ model: 'small', nTest: 3, nChoice: 1, families: ['own'] });
  const { free, constrained } = report.modes;
  expect(free.prompts).toHaveLength(4);
  for (const { fieldF1, objects } of [free.base, free.adapter])
    expect([fieldF1.value, objects.value]).toEqual([0, 0]);
  for (const { fieldF1, objects, parsed } of [constrained.base, constrained.adapter])
    expect([fieldF1.value, objects.value, parsed.value]).toEqual([1, 1, 1]);
  expect(await readLines(out)).toHaveLength(2 * (4 + 2 * 3));
  const record = await readRecord<ExtractionReport>(adapter);
  expect(record.report).toEqual(report);
  expect(record.files).toEqual(await adapterHashes(adapter));
  expect(Object.keys(record.data)).toContain('test.jsonl');
  const names = join(root, 'names.jsonl');
  const named = await run(
    ...['eval', 'extraction', '-m', 'small', '--adapter', adapter, '--names', '--json'],
    ...['--out', names],
  );
  const { groups } = JSON.parse(named.stdout) as NameReport;
  const answers = await readLines<ToldName>(names);
  for (const [group, list] of Object.entries(NAMES)) {
    const said = answers.filter((one) => one.group === group);
    expect(said).toHaveLength(4 * list.length);
    const right = said.filter(({ name, answer }) => answer.includes(`"${name}"`));
    expect(groups[group]!.value).toBe(right.length / said.length);
  }
}, 120_000);

test('sentences are compared with and without an adapter', async () => {
  const { adapter } = await learn('extraction');
  const file = join(root, 'pairs.csv');
  const rows = ['ab a,ba b,age', 'aab,bba,gender', 'b,a,gender'];
  await writeFile(file, ['sent_more,sent_less,bias_type', ...rows].join('\n'));
  const measure = (...more: string[]) =>
    run('eval', 'bias', file, '-m', 'small', '--adapter', adapter, ...more);
  const { code, stdout, stderr } = await measure('--json');
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  const { pairs, reports } = JSON.parse(stdout) as {
    pairs: number;
    reports: (BiasReport & { name: string })[];
  };
  expect(pairs).toBe(3);
  expect(reports.map(({ name }) => name)).toEqual(['small', `small with ${adapter}`]);
  for (const { all, kinds } of reports) {
    expect(kinds.map(({ kind, n }) => [kind, n])).toEqual([
      ['age', 1],
      ['gender', 2],
    ]);
    const sum = kinds.reduce((total, { n, stereotyped }) => total + n * stereotyped.value, 0);
    expect(all.stereotyped.value).toBeCloseTo(sum / 3, 9);
  }
  expect((await measure()).stdout).toMatch(/0\.5 leans to neither side\nsmall\n {2}all +3 {2}/);
}, 120_000);

test('a persona is measured beside a base that reads its facts, and the report is of the answers told', async () => {
  const { data, adapter } = await learn('persona');
  const all = await readLines<PersonaItem>(join(data, 'test.jsonl'));
  const names = ['returns', 'thanks', 'insults', 'staff'];
  const some = names.flatMap((name) => all.filter((one) => one.name === name).slice(0, 2));
  await writeRows(join(data, 'test.jsonl'), some);
  await writeRows(join(data, 'choice.jsonl'), some.slice(0, 1));
  const out = join(root, 'persona.jsonl');
  const { code, stdout, stderr } = await run(
    ...['eval', 'persona', '-m', 'small', '--adapter', adapter, '--data', data],
    ...['--record', '--out', out, '--json'],
  );
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  const report = JSON.parse(stdout) as PersonaReport;
  expect(report).toMatchObject({ model: 'small', nTest: 8, nChoice: 1 });
  expect(report.prompts).toHaveLength(3);
  const told = await readLines<Told>(out);
  expect(told).toHaveLength(3 + 2 * 8);
  for (const setting of ['base', 'adapter'] as const) {
    const answers = told.filter((one) => one.setting === setting).map(({ answer }) => answer);
    expect(report[setting]).toEqual(scorePersona(answers, some));
  }
  expect((await readRecord<PersonaReport>(adapter)).report).toEqual(report);
}, 120_000);

test.each(['extraction', 'persona'])('eval %s says what it needs', async (name) => {
  const none = await run('eval', name);
  expect([none.code, none.stderr]).toEqual([1, expect.stringMatching(/--adapter and --data, or/)]);
  const nowhere = await run('eval', name, '--adapter', 'x', '--data', 'nowhere');
  expect(nowhere.stderr).toMatch(/data: .*\.jsonl: cannot be read/);
});
