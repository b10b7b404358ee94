/** Filter, dedupe, redact, mix and pack: what is written, that it is whole, and that it can be read again. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resize } from '../../../engine/vision/resize.ts';
import { alignOperation } from '../../../scripts/data/align/align.ts';
import type { AlignOptions } from '../../../scripts/data/align/align.ts';
import { agreementOf } from '../../../scripts/data/align/recordings.ts';
import { dedupeOperation } from '../../../scripts/data/dedupe.ts';
import { filterOperation } from '../../../scripts/data/filter.ts';
import type { FilterOptions } from '../../../scripts/data/filter.ts';
import { mixRows, parseSource } from '../../../scripts/data/mix.ts';
import { loadClassifier } from '../../../scripts/data/moderation.ts';
import { packRows } from '../../../scripts/data/pack.ts';
import type { PackOptions } from '../../../scripts/data/pack.ts';
import { packedRows, readPack } from '../../../scripts/data/packed.ts';
import { Pattern } from '../../../scripts/data/pattern.ts';
import { redactOperation } from '../../../scripts/data/redact.ts';
import { rewriteRows } from '../../../scripts/data/rewrite.ts';
import type { Operation } from '../../../scripts/data/rewrite.ts';
import { SeededRandom } from '../../../scripts/lib/seeded-random.ts';
import { readTokenData } from '../../../scripts/train/token-data.ts';
import { formulaPixels, formulaPng } from '../../support/pictures.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thimble-rewrite-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ABOUT = {
  ...{ name: 'A test', description: 'Rows.', licence: 'MIT', url: 'https://example.org' },
  ...{ creator: 'Nobody', date: '2026-01-02' },
};
const inputOf = (files: readonly string[], signal = new AbortController().signal) => ({
  ...{ files, format: null, separator: '\n', field: null, signal },
});
let nOut = 0;
const newOut = () => join(folder, `out-${nOut++}`);

async function put(name: string, rows: readonly unknown[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, rows.map((row) => JSON.stringify(row)).join('\n'));
  return path;
}

async function rowsOf(out: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(out, 'rows.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function rewrite(path: string, operation: Operation, out = newOut(), signal?: AbortSignal) {
  const input = inputOf([path], signal);
  const result = await rewriteRows({ input, isStrict: false, out, about: ABOUT, operation });
  return { result, rows: await rowsOf(out), out };
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('filter', () => {
  const ROWS = [
    { text: 'short' },
    { text: 'A sentence about a dragon in English.', licence: 'CC-BY-4.0' },
    { text: 'Une phrase sur un dragon en fran\u00e7ais.', licence: 'CC0-1.0' },
    { text: 'You are a stupid bitch and I hate you', licence: 'proprietary' },
  ];

  test.each<[FilterOptions, readonly number[]]>([
    [{ minChars: 6 }, [1, 2, 3]],
    [{ maxChars: 20 }, [0]],
    [{ minWords: 7, maxWords: 8 }, [1, 2]],
    [{ language: ['fr'] }, [2]],
    [{ maxToxicity: 0.5 }, [0, 1, 2]],
    [{ allowLicence: ['public domain', 'cc-by-4.0'] }, [1, 2]],
    [{ match: 'dragons?' }, [1, 2]],
    [{ match: '^(A|You) ' }, [1, 3]],
    [{ without: 'English|fran\u00e7ais' }, [0, 3]],
    [{ match: 'dragon', language: ['en'] }, [1]],
  ])('%j keeps what it says', async (options, kept) => {
    const path = await put('filter.jsonl', ROWS);
    const classifier = await loadClassifier();
    const { rows } = await rewrite(path, filterOperation(options, { classifier, licence: null }));
    expect(rows.map(({ text }) => text)).toEqual(kept.map((i) => ROWS[i]!.text));
    expect(rows.map(({ provenance }) => provenance)).toEqual(kept.map((i) => `${path}:${i + 1}`));
  });

  test('without a condition, or with a pattern that is not regular, is refused', () => {
    const tools = { classifier: null, licence: null };
    expect(() => filterOperation({}, tools)).toThrow(/Give one, such as --min-chars 20/);
    expect(() => filterOperation({ match: '(a)\\1' }, tools)).toThrow(/--match/);
    expect(() => filterOperation({ match: '(' }, tools)).toThrow(/--match/);
    expect(() => filterOperation({ match: '(a|b){1,1000}c{1,1000}d{1,1000}' }, tools)).toThrow(
      /--match/,
    );
  });

  test('a pattern that would backtrack without end takes one pass', () => {
    const pattern = new Pattern('(a+)+b', '--match');
    expect(pattern.test('a'.repeat(200_000))).toBe(false);
    expect(pattern.test(`${'a'.repeat(200_000)}b`)).toBe(true);
  });

  test('a pattern agrees with the one of JavaScript on random texts', () => {
    const random = new SeededRandom(3);
    const letters = ['a', 'b', 'c', ' ', '\n', '\u00e9', '\u{1f600}'];
    for (const source of [
      'ab*c',
      '^a.*c$',
      '[^a]b',
      '(a|bc)+\\s',
      '\u{1f600}|\u00e9a',
      'a{2,3}b?$',
    ])
      for (let i = 0; i < 300; i++) {
        const text = Array.from(
          { length: random.integer(0, 8) },
          () => letters[random.integer(0, letters.length - 1)]!,
        ).join('');
        expect([source, text, new Pattern(source, 'x').test(text)]).toEqual([
          ...[source, text, new RegExp(source, 'u').test(text)],
        ]);
      }
  });
});

describe('dedupe', () => {
  const STORY = 'once upon a time there was a very small dragon who lived on a hill far away';
  test('keeps the first of equal and of similar texts', async () => {
    const rows = [STORY, 'Another.', `${STORY} `, STORY.replace('far away', 'far'), 'another'];
    const path = await put(
      'dedupe.jsonl',
      rows.map((text) => ({ text })),
    );
    const near = await rewrite(path, dedupeOperation(inputOf([path]), 0.8));
    expect(near.rows.map(({ text }) => text)).toEqual([STORY, 'Another.']);
    expect([...near.result.dropped]).toEqual([
      ['exact duplicate', 1],
      ['near duplicate', 2],
    ]);
    const exact = await rewrite(path, dedupeOperation(inputOf([path]), null));
    expect(exact.rows.map(({ text }) => text)).toEqual([STORY, 'Another.', rows[3], 'another']);
  });
});

describe('dedupe, of rows with pictures', () => {
  test('drops a row only if its picture is the same, or looks the same', async () => {
    const pictures = join(folder, 'alike');
    await mkdir(pictures);
    const large = { width: 240, height: 160, rgb: formulaPixels(240, 160, 90) };
    const small = resize(large, 120, 80).rgb;
    await writeFile(join(pictures, 'a.png'), formulaPng(240, 160, 90));
    await writeFile(join(pictures, 'same.png'), formulaPng(240, 160, 90));
    await writeFile(
      join(pictures, 'small.png'),
      encode({ width: 120, height: 80, channels: 3, depth: 8, data: small }),
    );
    await writeFile(join(pictures, 'other.png'), formulaPng(240, 160, 3));
    const names = ['a', 'same', 'small', 'other', 'gone', 'a'];
    const rows = names.map((name, i) => ({
      image: `${name}.png`,
      caption: i === 5 ? 'Another text.' : 'A picture.',
    }));
    // Read as a table alone: a file that is missing is known by its name.
    const path = await put('alike/c.jsonl', rows);
    const near = await rewrite(path, dedupeOperation(inputOf([path]), 0.8));
    expect(near.rows.map(({ provenance }) => provenance)).toEqual(
      [1, 4, 5, 6].map((line) => `${path}:${line}`),
    );
    expect([...near.result.dropped]).toEqual([
      ['exact duplicate', 1],
      ['near duplicate', 1],
    ]);
    const exact = await rewrite(path, dedupeOperation(inputOf([path]), null));
    expect(exact.rows).toHaveLength(5);
  });
});

describe('redact', () => {
  test('replaces values in all texts of a row, the same by one placeholder, and leaves names of files', async () => {
    const path = await put('redact.jsonl', [
      {
        messages: [
          { role: 'user', content: 'I am ann@example.org' },
          { role: 'assistant', content: 'Hello ann@example.org, and bob@example.org' },
        ],
        image: 'ann@example.org.png',
        licence: 'by ann@example.org',
      },
      { text: 'bob@example.org' },
    ]);
    const { rows, result } = await rewrite(path, redactOperation(['email']));
    expect(rows[0]).toMatchObject({
      messages: [
        { role: 'user', content: 'I am <EMAIL_1>' },
        { role: 'assistant', content: 'Hello <EMAIL_1>, and <EMAIL_2>' },
      ],
      image: 'ann@example.org.png',
      licence: 'by ann@example.org',
    });
    expect(rows[1]!['text']).toBe('<EMAIL_1>');
    expect(result.sections.find(({ title }) => title === 'Replaced')!.rows).toEqual([
      ['email', '4'],
    ]);
  });

  test('leaves out a row with more values than one may have, and says so', async () => {
    const text = Array.from({ length: 1500 }, (_, i) => `user${i}@example.org`).join(' ');
    const path = await put('many.jsonl', [{ text }, { text: 'ok' }]);
    const { rows, result } = await rewrite(path, redactOperation(['email']));
    expect(rows).toHaveLength(1);
    expect(result.problems.kept[0]!.problem).toBe('has more than 1000 different values to redact');
  });
});

describe('what is written', () => {
  const keepAll: Operation = { decide: ({ fields }) => ({ fields }), sections: () => [] };

  test('is nothing where a command was cut off, or failed', async () => {
    const path = await put(
      'cut.jsonl',
      Array.from({ length: 2000 }, (_, i) => ({ text: `${i}` })),
    );
    const before = await readdir(folder);
    const abort = new AbortController();
    const cutting: Operation = {
      decide: ({ fields }, number) => {
        if (number === 700) abort.abort();
        return { fields };
      },
      sections: () => [],
    };
    await expect(rewrite(path, cutting, newOut(), abort.signal)).rejects.toMatchObject({
      code: 'E_ABORTED',
    });
    const failing: Operation = {
      decide: () => {
        throw new Error('no');
      },
      sections: () => [],
    };
    await expect(rewrite(path, failing)).rejects.toThrow('no');
    expect(await readdir(folder)).toEqual(before);
  });

  test('goes into no folder that has files in it', async () => {
    const path = await put('free.jsonl', [{ text: 'a' }]);
    const { out } = await rewrite(path, keepAll);
    await expect(rewrite(path, keepAll, out)).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringContaining('expected a new or empty folder') as string,
    });
    const empty = newOut();
    await mkdir(empty);
    expect((await rewrite(path, keepAll, empty)).rows).toHaveLength(1);
  });

  test('keeps where a row first came from, its licence and copies of its pictures', async () => {
    const pictures = join(folder, 'pictures');
    await mkdir(join(pictures, 'images'), { recursive: true });
    const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 1, 2, 3);
    await writeFile(join(pictures, 'images/a.png'), png);
    await writeFile(
      join(pictures, 'c.jsonl'),
      JSON.stringify({ image: 'images/a.png', caption: 'c' }),
    );
    const once = await rewrite(pictures, keepAll);
    const twice = await rewrite(once.out, keepAll);
    expect(twice.rows).toEqual([
      {
        ...{ image: 'media/0/images/a.png', caption: 'c', licence: 'MIT' },
        provenance: `${join(pictures, 'c.jsonl')}:1`,
      },
    ]);
    expect(new Uint8Array(await readFile(join(twice.out, 'media/0/images/a.png')))).toEqual(png);
    const card = JSON.parse(await readFile(join(twice.out, 'croissant.json'), 'utf8')) as {
      distribution: unknown[];
      recordSet: { field: unknown[] }[];
    };
    expect(card.distribution[1]).toMatchObject({
      ...{ '@type': 'cr:FileSet', '@id': 'files-image', encodingFormat: 'image/png' },
      includes: ['media/**/*.png'],
    });
    expect(card.recordSet[0]!.field[0]).toMatchObject({
      references: { field: { '@id': 'pictures-image/path' } },
    });
    expect(card.recordSet[1]!.field).toMatchObject([
      {
        '@id': 'pictures-image/path',
        source: { fileSet: { '@id': 'files-image' }, extract: { fileProperty: 'fullpath' } },
      },
      {
        dataType: 'sc:ImageObject',
        source: { fileSet: { '@id': 'files-image' }, extract: { fileProperty: 'content' } },
      },
    ]);
  });

  test('has a Croissant file with what the specification requires', async () => {
    const path = await put('card.jsonl', [
      { text: 'a', n: 1, share: 0.5, ok: true, tags: ['x'], meta: { a: 1 }, none: null },
      { text: 'b', n: 2.5, share: 1, ok: false, tags: [], meta: {}, none: null },
    ]);
    const { out, result } = await rewrite(path, keepAll);
    const card = JSON.parse(await readFile(join(out, 'croissant.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    expect(card).toMatchObject({
      '@type': 'sc:Dataset',
      conformsTo: 'http://mlcommons.org/croissant/1.1',
      ...{ name: 'A test', description: 'Rows.', url: 'https://example.org' },
      license: 'https://spdx.org/licenses/MIT.html',
      creator: { '@type': 'sc:Organization', name: 'Nobody' },
      datePublished: '2026-01-02',
    });
    expect(card['@context']).toMatchObject({
      '@vocab': 'https://schema.org/',
      cr: 'http://mlcommons.org/croissant/',
      conformsTo: 'dct:conformsTo',
      dct: 'http://purl.org/dc/terms/',
    });
    const bytes = await readFile(join(out, 'rows.jsonl'));
    expect(card['distribution']).toEqual([
      {
        ...{ '@type': 'cr:FileObject', '@id': 'file-1', name: 'rows.jsonl' },
        ...{ contentUrl: 'rows.jsonl', contentSize: `${bytes.length} B` },
        ...{ encodingFormat: 'application/jsonlines', sha256: sha256(bytes) },
      },
    ]);
    const [set] = card['recordSet'] as [{ field: Record<string, unknown>[] }];
    expect(set.field.map((field) => [field['name'], field['dataType'], field['isArray']])).toEqual([
      ['text', 'sc:Text', undefined],
      ['n', 'sc:Float', undefined],
      ['share', 'sc:Float', undefined],
      ['ok', 'sc:Boolean', undefined],
      ['tags', 'sc:Text', true],
      ['licence', 'sc:Text', undefined],
      ['provenance', 'sc:Text', undefined],
    ]);
    // Every reference names something that is there, and no name is there twice.
    const ids = [...JSON.stringify(card).matchAll(/"@type":"[^"]+","@id":"([^"]+)"/g)].map(
      ([, id]) => id,
    );
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, id] of JSON.stringify(card).matchAll(/\{"@id":"([^"]+)"\}/g))
      expect(ids).toContain(id);
    expect(result.missing).toEqual([]);
  });

  test('names what a card lacks: no licence, address or maker is made up', async () => {
    const path = await put('lacks.jsonl', [{ text: 'a' }]);
    const about = { ...ABOUT, licence: null, url: null, creator: null };
    const out = newOut();
    const input = inputOf([path]);
    const { missing } = await rewriteRows({
      input,
      isStrict: false,
      out,
      about,
      operation: keepAll,
    });
    expect(missing).toEqual(['license', 'url', 'creator']);
    const card = JSON.parse(await readFile(join(out, 'croissant.json'), 'utf8')) as object;
    for (const name of missing) expect(card).not.toHaveProperty(name);
  });
});

describe('mix', () => {
  const mix = async (texts: readonly string[], nRow: number | null, seed = 1) => {
    const out = newOut();
    const { files: _files, ...input } = inputOf([]);
    const options = { sources: texts.map(parseSource), input, isStrict: false, seed, nRow, out };
    const result = await mixRows({ ...options, about: ABOUT });
    return { result, rows: await rowsOf(out) };
  };

  test('draws by weight, keeps the order of each source, and repeats itself by its seed', async () => {
    const a = await put(
      'a.jsonl',
      Array.from({ length: 5000 }, (_, i) => ({ text: `a${i}` })),
    );
    const b = await put(
      'b.jsonl',
      Array.from({ length: 5000 }, (_, i) => ({ text: `b${i}` })),
    );
    const first = await mix([`${a}=3`, `${b}=1`], 4000);
    expect(first.rows).toHaveLength(4000);
    const ofA = first.rows.filter(({ text }) => String(text).startsWith('a'));
    // Five standard deviations of 4000 draws.
    expect(Math.abs(ofA.length - 3000)).toBeLessThan(5 * Math.sqrt(4000 * 0.75 * 0.25));
    expect(ofA.map(({ text }) => text)).toEqual(ofA.map((_, i) => `a${i}`));
    expect(ofA[7]!['provenance']).toBe(`${a}:8`);
    expect((await mix([`${a}=0.3`, `${b}=0.1`], 4000)).rows).toEqual(first.rows);
    expect((await mix([`${a}=3`, `${b}=1`], 4000, 2)).rows).not.toEqual(first.rows);
  });

  test('ends with the first source that is out, or begins it again for a number of rows', async () => {
    const a = await put('few.jsonl', [{ text: 'a0' }, { text: 'a1' }]);
    const b = await put(
      'lots.jsonl',
      Array.from({ length: 100 }, (_, i) => ({ text: `b${i}` })),
    );
    const ended = await mix([`${a}=1`, `${b}=1`], null);
    expect(ended.result.taken[0]).toEqual({ nRow: 2, nEpoch: 1 });
    const again = await mix([`${a}=1`, `${b}=1`], 60);
    expect(again.rows).toHaveLength(60);
    expect(again.result.taken[0]!.nEpoch).toBeGreaterThan(5);
  });

  test.each(['a=0', 'a=-1', 'a=NaN', 'a=Infinity', 'a=', 'a', '=1', 'a=1e400', 'a=x'])(
    'refuses %s',
    (text) => {
      expect(() => parseSource(text)).toThrow(/expected FILE=WEIGHT with a weight above 0/);
    },
  );
});

describe('pack', () => {
  const random = new SeededRandom(9);
  const ROWS = Array.from({ length: 400 }, (_, i) => ({
    text: Array.from({ length: random.integer(1, 30) }, () => random.word()).join(' '),
    number: i,
  }));
  const pack = async (path: string, out: string, more: Partial<PackOptions> = {}) =>
    await packRows({
      ...{ input: inputOf([path]), isStrict: false, shardBytes: 10_000, out, about: ABOUT },
      ...more,
    });

  test('gives the same rows when it is read, under the hashes that it lists', async () => {
    const path = await put('pack.jsonl', ROWS);
    const out = newOut();
    await pack(path, out);
    const listed = await readPack(join(out, 'pack.json'));
    expect(listed.shards.length).toBeGreaterThan(5);
    expect(listed.rows).toBe(400);
    expect(listed.sources).toEqual([
      {
        file: path,
        bytes: (await readFile(path)).length,
        sha256: sha256(await readFile(path)),
      },
    ]);
    for (const { file, bytes, sha256: hash } of listed.shards) {
      const shard = await readFile(join(out, file));
      expect([shard.length, sha256(shard)]).toEqual([bytes, hash]);
    }
    const rows: unknown[] = [];
    for await (const { fields } of packedRows(join(out, 'pack.json'))) rows.push(fields);
    expect(rows).toEqual(
      ROWS.map((row, i) => ({ ...row, licence: 'MIT', provenance: `${path}:${i + 1}` })),
    );
  });

  test('goes on where it was cut off, to the same files to the bit', async () => {
    const path = await put('resume.jsonl', ROWS);
    const [whole, cut] = [newOut(), newOut()];
    await pack(path, whole);
    for (const nShard of [1, 2, 1]) {
      const abort = new AbortController();
      let n = 0;
      const onShard = () => {
        if (++n === nShard) abort.abort();
      };
      await expect(
        pack(path, cut, {
          input: inputOf([path], abort.signal),
          onShard,
        }),
      ).rejects.toMatchObject({ code: 'E_ABORTED' });
      expect(await readdir(cut)).not.toContain('pack.json');
      expect((await readdir(cut)).filter((name) => name.endsWith('.partial'))).toEqual([]);
    }
    const { nResumed } = await pack(path, cut);
    expect(nResumed).toBeGreaterThan(0);
    expect(await readdir(cut)).toEqual(await readdir(whole));
    for (const name of await readdir(whole))
      expect(await readFile(join(cut, name))).toEqual(await readFile(join(whole, name)));
  });

  test('refuses to go on with other rows, or over a whole pack', async () => {
    const path = await put('other.jsonl', ROWS);
    const out = newOut();
    const abort = new AbortController();
    const input = inputOf([path], abort.signal);
    await expect(pack(path, out, { input, onShard: () => abort.abort() })).rejects.toThrow();
    await put('other.jsonl', ROWS.slice(1));
    await expect(pack(path, out)).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringContaining('of other rows or options') as string,
    });
    await put('other.jsonl', ROWS);
    await pack(path, out);
    await expect(pack(path, out)).rejects.toMatchObject({
      message: expect.stringContaining('a whole pack') as string,
    });
  });

  test('a shard that was changed is not read', async () => {
    const path = await put('changed.jsonl', ROWS);
    const out = newOut();
    await pack(path, out);
    const shard = join(out, 'shard-00001.jsonl');
    const bytes = await readFile(shard);
    bytes[20]! ^= 1;
    await writeFile(shard, bytes);
    const reading = async () => {
      for await (const _row of packedRows(join(out, 'pack.json')));
    };
    await expect(reading()).rejects.toMatchObject({
      code: 'E_DATA_INVALID',
      message: expect.stringMatching(/shard-00001\.jsonl: SHA-256; expected/) as string,
    });
    await writeFile(join(out, 'pack.json'), '{"format":"thimble-pack"}');
    await expect(reading()).rejects.toMatchObject({ code: 'E_DATA_INVALID' });
  });

  test('is what a training reads', async () => {
    const path = await put('train.jsonl', ROWS);
    const out = newOut();
    await pack(path, out);
    const model = { layers: 1, dim: 8, heads: 1, context: 8 };
    const data = { separator: '\n', heldOut: 0.1, licence: 'MIT' };
    const read = (files: string[]) =>
      readTokenData({ data: { ...data, files }, tokenizer: 'bytes', model });
    await writeFile(join(folder, 'plain.txt'), ROWS.map(({ text }) => text).join('\n'));
    const packed = await read([join(out, 'pack.json')]);
    const plain = await read([join(folder, 'plain.txt')]);
    expect(packed.nDocument).toBe(400);
    expect(packed.train).toEqual(plain.train);
    expect(packed.heldOut).toEqual(plain.heldOut);
  });
});

const none = async (): Promise<never> => {
  throw new Error('not asked for');
};
const ALIGN: AlignOptions = {
  ...{ transcribe: none, embed: none, maxRate: Infinity, minAgreement: -Infinity },
  ...{ seed: 0, out: 'out' },
};

describe('align', () => {
  test('counts words that differ as they are spoken', () => {
    expect(agreementOf('I have 7 cats.', 'i have seven cats')).toMatchObject({
      nWord: 4,
      nError: 0,
    });
    expect(agreementOf('one two three', 'one three four')).toMatchObject({ nWord: 3, nError: 2 });
    expect(agreementOf('hello', '')).toMatchObject({ nError: 1, rate: 1 });
    expect(
      agreementOf('\u043f\u0440\u0438\u0432\u0435\u0442', '\u043f\u0440\u0438\u0432\u0435\u0442'),
    ).toMatchObject({ nWord: 1, nError: 0 });
  });

  test('lists the worst pairs with their recordings, and drops what is too far off', async () => {
    const sounds = join(folder, 'sounds & more');
    await mkdir(sounds);
    for (const name of ['good', 'bad']) {
      await writeFile(join(sounds, `${name}.wav`), 'RIFF');
      await writeFile(join(sounds, `${name}.txt`), 'one two three');
    }
    const heard = new Map([
      [join(sounds, 'good.wav'), 'One, two, three.'],
      [join(sounds, 'bad.wav'), 'something else <b>'],
    ]);
    const out = newOut();
    const transcribe = async (path: string) => heard.get(path)!;
    const operation = alignOperation({ ...ALIGN, transcribe, maxRate: 0.5, out });
    const { rows, result } = await rewrite(sounds, operation, out);
    expect(rows).toMatchObject([
      { audio: 'media/0/good.wav', heard: 'One, two, three.', word_error_rate: 0 },
    ]);
    expect([...result.dropped]).toEqual([['more than 0.5 errors a word', 1]]);
    const page = await readFile(join(out, 'report.html'), 'utf8');
    expect(page).toContain('src="../sounds%20%26%20more/bad.wav"');
    expect(page).toContain('something else &lt;b&gt;');
  });

  test('has an interval that contains a rate above 1', async () => {
    const sounds = join(folder, 'long');
    await mkdir(sounds);
    for (let i = 0; i < 10; i++) {
      await writeFile(join(sounds, `${i}.wav`), 'RIFF');
      await writeFile(join(sounds, `${i}.txt`), 'one');
    }
    const transcribe = async (path: string) =>
      Array.from({ length: Number(basename(path, '.wav')) }, () => 'two').join(' ');
    const { result } = await rewrite(sounds, alignOperation({ ...ALIGN, transcribe }));
    const rows = new Map(result.sections.flatMap((one) => one.rows.map(([k, v]) => [k, v])));
    // Nothing heard is one error, n words are n: 1 + 1 + 2 + ... + 9 of 10 words.
    const [value, low, high] = numbersOf(rows.get('word error rate')!);
    expect(value).toBe(460);
    expect(low).toBeGreaterThan(250);
    expect(low).toBeLessThan(460);
    expect(high).toBeGreaterThan(460);
    expect(high).toBeLessThanOrEqual(900);
  });

  test('of pictures ranks texts by their own picture, and shows the worst', async () => {
    const pictures = join(folder, 'to-align');
    await mkdir(pictures);
    const rows = Array.from({ length: 6 }, (_, i) => ({ image: `${i}.png`, caption: `text ${i}` }));
    for (const [i, { image }] of rows.entries())
      await writeFile(join(pictures, image), formulaPng(16 + i, 16, i));
    await writeFile(join(pictures, 'broken.png'), formulaPng(16, 16, 1).subarray(0, 60));
    await put('to-align/c.jsonl', [...rows, { image: 'broken.png', caption: '<b>' }]);
    // Each picture is an axis of its own; the last text is on that of the first picture.
    const axis = (i: number) => Float32Array.from({ length: 6 }, (_, at) => (at === i ? 1 : 0));
    const embed: AlignOptions['embed'] = async (text, { width }) => ({
      text: axis(Number(text.at(-1)) % 5),
      picture: axis(width - 16),
    });
    const operation = alignOperation({ ...ALIGN, embed, minAgreement: 0.5 });
    const { rows: kept, result, out } = await rewrite(pictures, operation);
    expect(kept.map(({ caption, agreement }) => [caption, agreement])).toEqual(
      rows.slice(0, 5).map(({ caption }) => [caption, 1]),
    );
    expect([...result.dropped]).toEqual([
      ['agreement below 0.5', 1],
      ['cannot be seen', 1],
    ]);
    expect(result.problems.kept[0]).toMatchObject({ line: 7, field: 'image' });
    const first = result.sections.find(({ title }) => title.startsWith('How often'))!;
    expect(first.rows[0]).toEqual(['first of 6', expect.stringMatching(/^83\.33 % /)]);
    const page = await readFile(join(out, 'report.html'), 'utf8');
    expect(page).toMatch(/<img src="data:image\/png;base64,[^"]+" alt=""><pre>text 5<\/pre>/);
    const filtered = await rewrite(
      out,
      filterOperation({ minAgreement: 1.1 }, { classifier: null, licence: null }),
    );
    expect(filtered.rows).toEqual([]);
  });
});

function numbersOf(text: string): [number, number, number] {
  const [value = NaN, low = NaN, high = NaN] = [...text.matchAll(/[\d.]+/g)].map(Number);
  return [value, low, high];
}
