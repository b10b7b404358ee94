/** Every reader: real rows, hostile ones, and what is said of them. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Problems } from '../../../scripts/data/problems.ts';
import { DEFAULT_SEPARATOR, readRows } from '../../../scripts/data/readers/index.ts';
import type { DataRow } from '../../../scripts/data/row.ts';
import { findTestData } from '../../support/needs.ts';
import { parquetFile } from '../../support/parquet-lies.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thimble-data-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface ReadFlags {
  readonly strict?: boolean;
  readonly field?: string;
  readonly separator?: string;
  readonly signal?: AbortSignal;
  readonly format?: string;
}

async function put(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

async function read(
  path: string,
  { strict = false, field, separator = DEFAULT_SEPARATOR, signal, format }: ReadFlags = {},
): Promise<{ rows: DataRow[]; problems: Problems }> {
  const problems = new Problems(strict);
  const rows: DataRow[] = [];
  const input = {
    ...{ files: [path], format: format ?? null, separator, field: field ?? null },
    signal: signal ?? new AbortController().signal,
  };
  for await (const row of readRows(input, problems)) rows.push(row);
  return { rows, problems };
}

const textsOf = (rows: readonly DataRow[]) => rows.map(({ text }) => text);
const placesOf = (rows: readonly DataRow[]) => rows.map(({ line, text }) => [line, text]);

describe('plain text', () => {
  test('is cut at its separator, wherever the parts of a file end', async () => {
    const texts = Array.from({ length: 3000 }, (_, i) => `story ${'x'.repeat(i % 1500)} ${i}`);
    const path = await put('stories.txt', texts.join(`\n${DEFAULT_SEPARATOR}\n`));
    const { rows, problems } = await read(path);
    expect(textsOf(rows)).toEqual(texts);
    expect(problems.count).toBe(0);
    expect(rows[1]!.line).toBe(3);
    expect(rows.at(-1).line).toBe(2 * 2999 + 1);
  });

  test('by lines, with a byte order mark and empty lines', async () => {
    const path = await put('lines.txt', '\ufeffone\n\n two \r\nthree');
    const { rows } = await read(path, { separator: '\n' });
    expect(placesOf(rows)).toEqual([
      [1, 'one'],
      [3, 'two'],
      [4, 'three'],
    ]);
  });

  test('that is no UTF-8 is a bad row with its line and the way to mend it', async () => {
    const bytes = Uint8Array.from([...new TextEncoder().encode('good\n'), 0x63, 0xe9, 0x0a, 0x67]);
    const { rows, problems } = await read(await put('latin.txt', bytes), { separator: '\n' });
    expect(textsOf(rows)).toEqual(['good', 'g']);
    expect(problems.kept).toMatchObject([{ line: 2, field: 'text', problem: 'is not UTF-8' }]);
    expect(problems.kept[0]!.fix).toContain('iconv -f LATIN1');
  });

  test('without its separator is no row that fills the memory', async () => {
    const path = await put('endless.txt', `${'a\n'.repeat(9 * 2 ** 20)}${DEFAULT_SEPARATOR}end`);
    const { rows, problems } = await read(path);
    expect(placesOf(rows)).toEqual([[9 * 2 ** 20 + 1, 'end']]);
    expect(problems.kept[0]!.problem).toBe('is longer than 16777216 bytes');
  });

  test.each([
    ['utf16.txt', Uint8Array.of(0xff, 0xfe, 0x61, 0), /is UTF-16\. Save it as UTF-8: iconv/],
    ['packed.jsonl', gzipSync('{}'), /compressed with gzip\. Unpack it first: gunzip/],
    ['archive.csv', Uint8Array.of(0x50, 0x4b, 3, 4), /ZIP archive/],
    ['table.txt', parquetFile(['a']), /is a Parquet file\. Name it \.parquet/],
  ])('%s is refused by its first bytes', async (name, bytes, message) => {
    await expect(read(await put(name, bytes))).rejects.toMatchObject({
      code: 'E_DATA_INVALID',
      message: expect.stringMatching(message) as string,
    });
  });
});

describe('JSON Lines', () => {
  test('have a text in many fields', async () => {
    const lines = [
      { text: 'plain' },
      {
        messages: [
          { role: 'user', content: 'hi' },
          { role: 'assistant', content: [{ type: 'text', text: 'ho' }] },
        ],
      },
      { prompt: 'p', completion: 'c' },
      { prompt: 'p', chosen: 'good', rejected: 'bad' },
      { captions: ['a', 'b'], image: 'x.png' },
      { question: 'how many?', answers: [3] },
    ];
    const path = await put('many.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'));
    expect(textsOf((await read(path)).rows)).toEqual([
      ...['plain', 'hi\nho', 'p\nc', 'p\ngood\nbad', 'a\nb', 'how many?\n3'],
    ]);
  });

  test('that are bad are counted, each with line, field, value and fix', async () => {
    const deep = `{"text":${'['.repeat(5000)}${']'.repeat(5000)}}`;
    const path = await put(
      'bad.jsonl',
      [
        '{"text":"ok"}',
        '',
        'not json',
        '[1]',
        '{"txt":"x"}',
        '{"text":{"a":1}}',
        deep,
        '{"text":null}',
        '"s"',
      ].join('\n'),
    );
    const { rows, problems } = await read(path);
    expect(textsOf(rows)).toEqual(['ok']);
    expect(problems.count).toBe(7);
    expect(problems.kept.map(({ line, field, problem }) => [line, field, problem])).toEqual([
      [3, null, 'is not JSON'],
      [4, null, 'is not an object'],
      [5, null, 'has no field with text'],
      [6, 'text', 'is not a text'],
      [7, null, 'is nested more than 64 levels deep'],
      [8, 'text', 'is not a text'],
      [9, null, 'is not an object'],
    ]);
    for (const { fix } of problems.kept) expect(fix).toMatch(/^[A-Z].*\.$/);
    await expect(read(path, { strict: true })).rejects.toMatchObject({
      code: 'E_DATA_INVALID',
      message: `data: ${path}:3: is not JSON; got "not json". Write one JSON object a line.`,
    });
  });

  test('with a caption of 100,000 characters are rows like others', async () => {
    const caption = 'long '.repeat(20_000);
    const { rows } = await read(await put('long.jsonl', JSON.stringify({ caption })));
    expect(rows[0]!.text).toHaveLength(100_000);
  });

  test('with a named field', async () => {
    const path = await put('field.jsonl', '{"body":"b","text":"t"}\n{"text":"t"}');
    const { rows, problems } = await read(path, { field: 'body' });
    expect(textsOf(rows)).toEqual(['b']);
    expect(problems.kept).toMatchObject([{ line: 2, field: 'body', problem: 'is missing' }]);
  });
});

describe('CSV', () => {
  test('with quotes, line ends in cells, names that are empty or twice there', async () => {
    const path = await put('t.csv', ',text,text\r\n1,"a ""b""\nc",x\r\n2,d,y\r\n');
    const { rows } = await read(path);
    expect(rows.map(({ fields }) => fields)).toEqual([
      { column_1: '1', text: 'a "b"\nc', text_3: 'x' },
      { column_1: '2', text: 'd', text_3: 'y' },
    ]);
    expect(rows.map(({ line }) => line)).toEqual([2, 4]);
  });

  test('with tabs, semicolons, and letters beyond ASCII', async () => {
    const tabs = await read(await put('t.tsv', 'id\ttext\n1\tcaf\u00e9, \u732b\n'));
    expect(textsOf(tabs.rows)).toEqual(['caf\u00e9, \u732b']);
    const semicolons = await read(await put('s.csv', 'id;text\n1;a\n2;b\n'));
    expect(textsOf(semicolons.rows)).toEqual(['a', 'b']);
  });

  test('with a cell that is no UTF-8, and rows of another length', async () => {
    const latin = Uint8Array.from('id,text\n1,caf\u00e9\n2,ok\n3\n4,ok,more\n', (c) =>
      c.charCodeAt(0),
    );
    const { rows, problems } = await read(await put('latin.csv', latin));
    expect(placesOf(rows)).toEqual([[3, 'ok']]);
    expect(problems.kept.map(({ line, field, problem }) => [line, field, problem])).toEqual([
      [2, 'text', 'is not UTF-8'],
      [4, null, 'has another number of cells than the header, which has 2'],
      [5, null, 'has another number of cells than the header, which has 2'],
    ]);
  });

  test('whose quotation mark never ends does not fill the memory', async () => {
    const path = await put('open.csv', `id,text\n1,"${'a,b\n'.repeat(12 * 2 ** 20)}`);
    await expect(read(path)).rejects.toMatchObject({
      code: 'E_DATA_INVALID',
      message: expect.stringContaining('Close the quotation mark') as string,
    });
  });
});

describe('Parquet', () => {
  test('of several row groups, packed or not', async () => {
    const texts = Array.from({ length: 2500 }, (_, i) => `text ${i}`);
    for (const codec of ['SNAPPY', 'UNCOMPRESSED'] as const) {
      const path = await put('t.parquet', parquetFile(texts, { codec }));
      const { rows } = await read(path);
      expect(textsOf(rows)).toEqual(texts);
      expect(rows.at(-1).line).toBe(2500);
    }
    const gzip = parquetFile(texts, { codec: 'GZIP', compress: (bytes) => gzipSync(bytes) });
    expect(textsOf((await read(await put('g.parquet', gzip))).rows)).toEqual(texts);
  });

  const texts = ['one', 'two', 'three'];
  test.each([
    [
      'rows that the footer adds up wrongly',
      parquetFile(texts, { footer: (writer) => (writer.num_rows = 10n ** 15n) }),
      /states 1000000000000000 rows; its row groups have 3/,
    ],
    [
      'a row group of more rows than are read at once',
      parquetFile(texts, {
        footer: (writer) => {
          writer.num_rows = 2n ** 40n;
          writer.row_groups[0]!.num_rows = 2n ** 40n;
        },
      }),
      /states 1099511627776 rows; expected at most/,
    ],
    [
      'more rows than are there',
      parquetFile(texts, {
        footer: (writer) => {
          writer.num_rows = 1000n;
          writer.row_groups[0]!.num_rows = 1000n;
        },
      }),
      /states 3 values in a column of 1000 rows/,
    ],
    [
      'rows and values that are not there',
      parquetFile(texts, {
        footer: (writer) => {
          writer.num_rows = 1000n;
          writer.row_groups[0]!.num_rows = 1000n;
          writer.row_groups[0]!.columns[0]!.meta_data!.num_values = 1000n;
        },
      }),
      /has fewer rows than the 1000 that its footer states/,
    ],
    [
      'a row group that unpacks to a terabyte',
      parquetFile(texts, {
        footer: (writer) =>
          (writer.row_groups[0]!.columns[0]!.meta_data!.total_uncompressed_size = 2n ** 40n),
      }),
      /unpacks to 1099511627776 bytes.*smaller row groups/,
    ],
    [
      'a column after the end of the file',
      parquetFile(texts, {
        footer: (writer) =>
          (writer.row_groups[0]!.columns[0]!.meta_data!.total_compressed_size = 2n ** 33n),
      }),
      /names bytes after the file's end/,
    ],
    [
      'a page of two gigabytes',
      parquetFile(texts, { pageBytes: 2 ** 31 - 2 }),
      /a page states 2147483646 bytes/,
    ],
    [
      'a page that unpacks to more than it states',
      parquetFile(texts, { codec: 'GZIP', compress: () => gzipSync(new Uint8Array(50 * 2 ** 20)) }),
      /larger than|Write the Parquet file again/,
    ],
    [
      'nothing but its name',
      new TextEncoder().encode('PAR1 this is not one'),
      /does not end with PAR1/,
    ],
    ['nothing', new Uint8Array(0), /has 0 bytes/],
  ])('with %s is refused', async (_, bytes, message) => {
    await expect(read(await put('lie.parquet', bytes))).rejects.toMatchObject({
      code: 'E_DATA_INVALID',
      message: expect.stringMatching(message) as string,
    });
  });

  test('cut off or damaged anywhere ends with an error, never with other rows', async () => {
    const whole = parquetFile(texts);
    for (let at = 0; at < whole.length; at += 7) {
      await expect(read(await put('cut.parquet', whole.subarray(0, at)))).rejects.toMatchObject({
        code: 'E_DATA_INVALID',
      });
    }
  });
});

describe('folders', () => {
  test('of pictures with captions, whose names stay inside', async () => {
    const pictures = join(folder, 'pictures');
    await mkdir(join(pictures, 'images'), { recursive: true });
    await writeFile(join(pictures, 'images/a.png'), Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d));
    await writeFile(join(pictures, 'images/b.png'), 'text');
    const names = ['images/a.png', 'images/b.png', 'images/c.png', '../t.csv', '/etc/passwd'];
    await writeFile(
      join(pictures, 'captions.jsonl'),
      names.map((image, i) => JSON.stringify({ image, caption: `caption ${i}` })).join('\n'),
    );
    const { rows, problems } = await read(pictures);
    expect(rows).toMatchObject([
      { text: 'caption 0', media: { kind: 'image', path: join(pictures, 'images/a.png') } },
    ]);
    expect(problems.kept.map(({ line, field, problem }) => [line, field, problem])).toEqual([
      [2, 'image', 'is not a PNG or JPEG file'],
      [3, 'image', 'names a file that is missing'],
      [4, 'image', 'leads out of the folder'],
      [5, 'image', 'leads out of the folder'],
    ]);
  });

  test('of recordings with transcripts beside them', async () => {
    const sounds = join(folder, 'sounds');
    await mkdir(sounds);
    await writeFile(join(sounds, 'a.wav'), 'RIFF');
    await writeFile(join(sounds, 'a.txt'), 'hello there\n');
    await writeFile(join(sounds, 'b.wav'), 'RIFF');
    const { rows, problems } = await read(sounds);
    expect(rows).toMatchObject([
      { text: 'hello there', fields: { audio: 'a.wav' }, media: { kind: 'sound' } },
    ]);
    expect(problems.kept).toMatchObject([{ problem: 'has no transcript', value: 'b.txt' }]);
  });

  test('of nothing, and files that are missing or of no known kind', async () => {
    const empty = join(folder, 'empty');
    await mkdir(empty);
    await expect(read(empty)).rejects.toMatchObject({ code: 'E_DATA_INVALID' });
    await expect(read(join(folder, 'none.txt'))).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(read(await put('a.xyz', 'a'))).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringContaining('Give --format') as string,
    });
    expect(textsOf((await read(join(folder, 'a.xyz'), { format: 'text' })).rows)).toEqual(['a']);
  });
});

describe('what holds for all', () => {
  test.each(['e.txt', 'e.jsonl', 'e.csv'])('an empty set (%s) is refused', async (name) => {
    await expect(read(await put(name, ''))).rejects.toMatchObject({
      code: 'E_DATA_INVALID',
      message: expect.stringContaining('no row that can be used') as string,
    });
  });

  test('a set of which no row can be used says what is wrong with the first', async () => {
    const path = await put('headless.csv', 'Go.,Va.\nRun.,Cours.\nHi.,Salut.\n');
    await expect(read(path, { field: 'English' })).rejects.toThrow(
      /no row that can be used, and 2 that cannot; the first: .*headless\.csv:2: English: /,
    );
  });

  test('a signal ends a reading', async () => {
    const path = await put('cut.txt', 'a\n'.repeat(100_000));
    const signal = AbortSignal.abort();
    await expect(read(path, { separator: '\n', signal })).rejects.toMatchObject({
      code: 'E_ABORTED',
    });
  });
});

const TWEETS = findTestData(
  'toxicity/labeled_data.csv',
  'github.com/t-davidson/hate-speech-and-offensive-language, data/labeled_data.csv',
);
describe.skipIf(TWEETS === null)('real rows', () => {
  test('of a CSV with quotes and line ends in cells', async () => {
    const { rows, problems } = await read(TWEETS!);
    expect([rows.length, problems.count]).toEqual([24_783, 0]);
    expect(Object.keys(rows[0]!.fields)).toContain('tweet');
  });
});
