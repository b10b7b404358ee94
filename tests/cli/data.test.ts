/**
 * `thimble data` as a person runs it.
 * @module-tag slow
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runThimble, startThimble } from '../support/program.ts';
import { parquetFile } from '../support/parquet-lies.ts';

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-cli-data-'));
  await writeFile(
    join(home, 'rows.jsonl'),
    ['{"text":"A small dog ran home."}', '{"text":"A small dog ran home."}', 'not json'].join('\n'),
  );
  await writeFile(join(home, 'table.parquet'), parquetFile(['one text', 'another text']));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const data = (...args: string[]) => runThimble(['data', ...args], { home });
const at = (name: string) => join(home, name);

test('an audit on the terminal, as files, and as JSON', async () => {
  const { code, stdout, stderr } = await data('audit', at('rows.jsonl'), '--out', at('audit'));
  expect(code).toBe(0);
  expect(stdout).toMatch(/exact \(but for white space\) +1 {2}50\.00 % \[9\.45, 90\.55\]/);
  expect(stderr).toContain(`bad row   ${at('rows.jsonl')}:3: is not JSON; got "not json".`);
  expect(stderr).toMatch(/lacks license, url, creator.*give --licence, --url, --creator/);
  expect(await readdir(at('audit'))).toEqual(['croissant.json', 'report.html']);
  const json = await data('audit', at('table.parquet'), '--json', '--licence', 'MIT');
  expect(JSON.parse(json.stdout)).toMatchObject({
    nRow: 2,
    licences: [{ name: 'MIT', nRow: 2, kind: 'attribution' }],
  });
});

test('filter, dedupe and pack, one after the other', async () => {
  const about = ['--licence', 'MIT', '--url', 'https://example.org', '--creator', 'Me'];
  const filtered = await data(
    'filter',
    at('rows.jsonl'),
    '--match',
    'dog',
    '--out',
    at('f'),
    ...about,
  );
  expect(filtered).toMatchObject({ code: 0 });
  expect(filtered.stderr).not.toContain('lacks');
  const unique = await data('dedupe', join(at('f'), 'rows.jsonl'), '--out', at('d'), '--json');
  expect(JSON.parse(unique.stdout)).toMatchObject({ nRow: 2, nKept: 1 });
  expect((await data('pack', join(at('d'), 'rows.jsonl'), '--out', at('p'))).code).toBe(0);
  const shard = await readFile(join(at('p'), 'shard-00000.jsonl'), 'utf8');
  expect(JSON.parse(shard)).toEqual({
    ...{ text: 'A small dog ran home.', licence: 'MIT' },
    provenance: `${at('rows.jsonl')}:1`,
  });
});

test.each([
  [['audit', 'none.jsonl'], /none\.jsonl: cannot be read .* \[E_USAGE\]/],
  [['audit', 'rows.jsonl', '--strict'], /rows\.jsonl:3: is not JSON.* \[E_DATA_INVALID\]/],
  [['filter', 'rows.jsonl', '--out', 'x'], /Give one, such as --min-chars 20/],
  [['filter', 'rows.jsonl', '--match', '(?=a)', '--out', 'x'], /--match/],
  [['filter', 'rows.jsonl', '--max-toxicity', '2', '--out', 'x'], /Expected a number from 0 to 1/],
  [['mix', 'rows.jsonl=0', '--out', 'x'], /with a weight above 0 and finite/],
  [['pack', 'rows.jsonl', '--out', '.'], /expected a new or empty folder/],
  [['redact', 'rows.jsonl', '--kinds', 'mail', '--out', 'x'], /Expected names of secret/],
])('%j is refused with one line, and writes nothing', async (args, message) => {
  const known = new Set(['none.jsonl', 'rows.jsonl', 'x', '.']);
  const before = await readdir(home);
  const paths = args.map((arg) =>
    known.has(arg) ? at(arg) : arg.startsWith('rows.jsonl=') ? at(arg) : arg,
  );
  const { code, stderr } = await data(...paths);
  expect(code).toBe(1);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/\n {4}at /);
  expect(await readdir(home)).toEqual(before);
});

test('Ctrl-C leaves nothing half-written', async () => {
  const folder = at('cut');
  await mkdir(folder);
  const lines = Array.from(
    { length: 400_000 },
    (_, i) => `{"text":"a text of some words, number ${i}"}`,
  );
  await writeFile(join(folder, 'many.jsonl'), lines.join('\n'));
  const out = join(folder, 'out');
  const running = startThimble(['data', 'dedupe', join(folder, 'many.jsonl'), '--out', out], {
    home,
  });
  await running.waitFor(/dedupe .*%/);
  running.kill('SIGINT');
  const { code, stderr } = await running.ended;
  expect(code).toBe(130);
  expect(stderr).toContain('interrupted; nothing was written');
  expect(await readdir(folder)).toEqual(['many.jsonl']);
});
