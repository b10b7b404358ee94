/** `thimble embed` in its own process and `thimble search` on a server, on a tiny random encoder. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { textPdf } from '../../scripts/attack/documents/make-documents.ts';
import { TINY_CONFIG, TINY_ENCODER_ID, writeTinyEncoder } from '../support/encoders.ts';
import { shareTestServer, type SharedServer } from '../support/http-server.ts';
import { runThimble } from '../support/program.ts';

const ID = TINY_ENCODER_ID;
let home = '';
let server: SharedServer;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-retrieval-'));
  await writeTinyEncoder(join(home, 'source'));
  await writeFile(join(home, 'lines.txt'), 'the sea is blue\nwarm bread\n');
  await writeFile(join(home, 'sea.md'), '# Sea\n\nthe sea is blue\n');
  await writeFile(join(home, 'page.html'), '<p>a cat sat on the <b>mat</b></p>');
  await writeFile(join(home, 'picture.txt'), Uint8Array.of(137, 80, 78, 71, 0, 1, 2));
  await writeFile(join(home, 'report.pdf'), textPdf([[], ['The lighthouse is red.']]));
  await writeFile(join(home, 'broken.pdf'), '%PDF-1.7 and nothing');
  const imported = await runThimble(['import', join(home, 'source'), '--id', ID], { home });
  expect(imported).toMatchObject({ code: 0 });
  expect(imported.stdout).toContain(`thimble embed -m ${ID}`);
  server = await shareTestServer([ID]);
});
afterAll(async () => {
  await server.close();
  await rm(home, { recursive: true, force: true });
});

const run = (args: readonly string[], input?: string) =>
  runThimble(args, { home, ...(input === undefined ? {} : { input }) });

describe('thimble embed', () => {
  test('gives what the server gives, from arguments, a file and standard input', async () => {
    const response = await server.post('/v1/embeddings', {
      input: ['the sea is blue', 'warm bread'],
      encoding_format: 'float',
    });
    const { data } = await response.json<{ data: { embedding: number[] }[] }>();
    const given = await run(['embed', '-m', ID, '--json', 'the sea is blue', 'warm bread']);
    expect(given.code).toBe(0);
    const made = JSON.parse(given.stdout) as { data: number[][]; dimensions: number };
    expect(made.dimensions).toBe(TINY_CONFIG.nEmbd);
    expect(made.data).toEqual(data.map(({ embedding }) => embedding));
    const fromFile = await run(['embed', '-m', ID, '--json', '--file', join(home, 'lines.txt')]);
    expect(JSON.parse(fromFile.stdout)).toEqual(made);
    const piped = await run(
      ['embed', '-m', ID, '--dimensions', '2'],
      'the sea is blue\nwarm bread\n',
    );
    const lines = piped.stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.split(' ').length)).toEqual([2, 2]);
    expect(Math.hypot(...lines[0]!.split(' ').map(Number))).toBeCloseTo(1, 5);
  });

  test.each([
    [['embed', '-m', ID, 'bread', ''], 'text 2: is empty'],
    [['embed', '-m', ID, 'bread', '--dimensions', '41'], 'at most 40'],
    [['embed', '-m', ID, 'bread', '--input-type', 'both'], 'query or document'],
    [['embed', '-m', 'nothing', 'bread'], 'nothing'],
  ])('%j fails with its reason', async (args, reason) => {
    const ended = await run(args);
    expect(ended.code).not.toBe(0);
    expect(ended.stderr).toContain(reason);
  });
});

describe('thimble search', () => {
  test('makes a collection, adds files, finds; what cannot be added is named', async () => {
    const files = ['sea.md', 'page.html', 'picture.txt'].map((name) => join(home, name));
    const url = ['--url', server.url];
    const first = await run([
      'search',
      'notes',
      'cat',
      '--create',
      '--add',
      ...files,
      '--mode',
      'text',
      '--json',
      ...url,
    ]);
    expect(first.code).toBe(1);
    expect(first.stderr).toContain('not added: picture.txt');
    const { added, hits } = JSON.parse(first.stdout) as {
      added: { id: string; status: string }[];
      hits: { document: string; text: string }[];
    };
    expect(added.map(({ status }) => status)).toEqual(['added', 'added', 'failed']);
    expect(hits[0]).toMatchObject({ document: 'page.html', text: 'a cat sat on the mat' });
    const again = await run(['search', 'notes', 'the blue sea', ...url]);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toContain('sea.md 0-');
    const missing = await run(['search', 'others', 'sea', ...url]);
    expect(missing.stderr).toContain('no collection "others"');
  });

  test('the query may stand after the files to add', async () => {
    const args = ['search', 'late', '--create', '--url', server.url, '--mode', 'text', '--add'];
    const ended = await run([...args, join(home, 'sea.md'), join(home, 'page.html'), 'blue sea']);
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.stdout).toContain('sea.md 0-');
  });

  test('a PDF is found with its page; one that cannot be read is named', async () => {
    const args = ['search', 'pages', '--create', '--url', server.url, '--mode', 'text', '--add'];
    const files = ['broken.pdf', 'report.pdf'].map((name) => join(home, name));
    const ended = await run([...args, ...files, 'lighthouse']);
    expect(ended.stdout).toContain('report.pdf page 2 (');
    expect(ended.stderr).toContain('not added: broken.pdf: file: is a damaged PDF file');
    expect(ended.code).toBe(1);
  });

  test('a file that is missing leaves no collection', async () => {
    const args = ['search', 'unmade', '--url', server.url];
    const ended = await run([...args, '--create', '--add', join(home, 'absent.md')]);
    expect(ended.code).not.toBe(0);
    expect(ended.stderr).toContain('cannot read --add');
    expect((await run([...args, 'sea'])).stderr).toContain('no collection "unmade"');
  });

  test('a model that ranks the passages again is named; one that does not exist is refused', async () => {
    const args = ['search', 'ranked', 'the blue sea', '--url', server.url];
    const add = ['--create', '--add', join(home, 'sea.md'), join(home, 'page.html')];
    const ended = await run([...args, '--json', '--rerank', ID, ...add]);
    expect(ended).toMatchObject({ code: 0 });
    const { hits } = JSON.parse(ended.stdout) as { hits: { rerank_score: number | null }[] };
    expect(hits).toHaveLength(2);
    for (const { rerank_score: score } of hits) expect(score).toBeGreaterThanOrEqual(0);
    const refused = await run([...args, '--rerank', 'nothing']);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('rerank: no model "nothing"');
  });

  test('without anything to do says so', async () => {
    const ended = await run(['search', 'notes', '--url', server.url]);
    expect(ended.code).not.toBe(0);
    expect(ended.stderr).toContain('expected a query or --add');
  });
});

describe('thimble ask', () => {
  test('prints the answer with its places, and what is not supported', async () => {
    const url = ['--url', server.url, '--max-tokens', '40'];
    const add = [
      'search',
      'lights',
      '--create',
      '--add',
      join(home, 'report.pdf'),
      ...url.slice(0, 2),
    ];
    expect(await run(add)).toMatchObject({ code: 0 });
    // The tiny model tells of a girl, whatever it is asked: the document's sentence stands in her place.
    const question = 'The lighthouse is red?';
    const ended = await run(['ask', 'lights', question, ...url]);
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.stdout).toContain('The lighthouse is red. [1]');
    expect(ended.stdout).toContain('  [1] report.pdf page 2: The lighthouse is red.');
    const marked = await run(['ask', 'lights', question, '--check', 'mark', '--json', ...url]);
    const { answer, claims } = JSON.parse(marked.stdout) as {
      answer: string;
      claims: { said: string; verdict: string; start: number; end: number }[];
    };
    for (const { said, start, end } of claims) expect(answer.slice(start, end)).toBe(said);
    expect(claims.map(({ verdict }) => verdict)).toContain('unsupported');
  });

  test.each([
    [['ask', 'others', 'Why?'], 'no collection "others"'],
    [['ask', 'lights', 'Why?', '--check', 'maybe'], 'quote, drop, mark, off'],
    [['ask', 'lights', 'Why?', '--rerank', 'nothing'], 'retrieval.rerank: no model "nothing"'],
  ])('%j fails with its reason', async (args, reason) => {
    const ended = await run([...args, '--url', server.url]);
    expect(ended.code).not.toBe(0);
    expect(ended.stderr).toContain(reason);
  });
});
