/** Filter, dedupe and redact: which rows are kept, and what becomes of them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { afterAll, describe, expect, test } from 'vitest';
import { resize } from '../../../engine/vision/resize.ts';
import { dedupeOperation } from '../../../scripts/data/dedupe.ts';
import { filterOperation } from '../../../scripts/data/filter.ts';
import type { FilterOptions } from '../../../scripts/data/filter.ts';
import { loadClassifier } from '../../../scripts/data/moderation.ts';
import { Pattern } from '../../../scripts/data/pattern.ts';
import { redactOperation } from '../../../scripts/data/redact.ts';
import { SeededRandom } from '../../../scripts/lib/seeded-random.ts';
import { formulaPixels, formulaPng } from '../../support/pictures.ts';
import { inputOf, openRowFolder } from '../../support/data-rows.ts';

const { close, folder, put, rewrite } = await openRowFolder();
afterAll(close);

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
