/** Audits against counts by hand, against the kit's own finders, and on real sentences. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditRows, personalCounts } from '../../../scripts/data/audit/audit.ts';
import type { Audit } from '../../../scripts/data/audit/audit.ts';
import { auditSections } from '../../../scripts/data/audit/sections.ts';
import { languageOf } from '../../../scripts/data/language.ts';
import { licenceKind, licenceOf, licenceUrl } from '../../../scripts/data/licences.ts';
import { loadClassifier } from '../../../scripts/data/moderation.ts';
import { soundFacts } from '../../../scripts/data/media/sound-facts.ts';
import { sectionsPage, sectionsText } from '../../../scripts/data/output/section.ts';
import { SeededRandom } from '../../../scripts/lib/seeded-random.ts';
import { loadDecoders } from '../../../scripts/node-host/sound.ts';
import { findTestData } from '../../support/needs.ts';
import { personalText } from '../../support/personal-data.ts';
import { formulaPng } from '../../support/pictures.ts';
import { pcm16, sine, wavBytes } from '../../support/sound.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thimble-audit-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function audit(lines: readonly unknown[], licence: string | null = null): Promise<Audit> {
  const path = join(folder, 'rows.jsonl');
  await writeFile(path, lines.map((line) => JSON.stringify(line)).join('\n'));
  return await auditRows({
    input: {
      ...{ files: [path], format: null, separator: '\n', field: null },
      signal: new AbortController().signal,
    },
    ...{ isStrict: false, licence, similarity: 0.8, classifier: await loadClassifier() },
    openSound: async (sound) => soundFacts(sound, await loadDecoders()),
  });
}

const STORY =
  'Once upon a time there was a little dog who lived in a small house by the sea and he was very happy there with one old cat, two hens and three white geese';
const ROWS = [
  { text: STORY, licence: 'CC-BY-4.0' },
  { text: `${STORY}  `, licence: 'CC-BY-4.0' },
  { text: STORY.replace('very happy', 'happy') },
  { text: 'She wrote to ann@example.org and to bob@example.org about her mother.' },
  { text: 'Le chat noir dort toute la journ\u00e9e sur le canap\u00e9 de ma grand-m\u00e8re.' },
  { text: 'You are a stupid bitch and I hate you' },
  { txt: 'no text' },
];

describe('a small set', () => {
  test('is counted as by hand', async () => {
    const found = await audit(ROWS, 'MIT');
    expect([found.nRow, found.problems.count]).toEqual([6, 1]);
    expect([found.nExact, found.nNear]).toEqual([1, 1]);
    expect(found.pairs.map(({ kind, first, second }) => [kind, first.at, second.at])).toEqual([
      ['exact', join(folder, 'rows.jsonl:1'), join(folder, 'rows.jsonl:2')],
      ['near', join(folder, 'rows.jsonl:1'), join(folder, 'rows.jsonl:3')],
    ]);
    // 34 words are 32 runs; without one of them three runs go and two come.
    expect(found.pairs[1]!.similarity).toBeCloseTo(29 / 34, 12);
    expect(found.languages).toEqual([
      { name: 'en', nRow: 5 },
      { name: 'fr', nRow: 1 },
    ]);
    expect(found.personal.filter(({ nRow }) => nRow > 0)).toEqual([
      { kind: 'email', nRow: 1, nFound: 2 },
    ]);
    expect(found.licences).toEqual([
      { name: 'MIT', nRow: 4, kind: 'attribution' },
      { name: 'CC-BY-4.0', nRow: 2, kind: 'attribution' },
    ]);
    expect(found.toxicity!.nFlagged).toBe(1);
    const groups = found.groups.filter(({ nText }) => nText > 0);
    expect(groups.map(({ group, nText }) => [group, nText])).toEqual([
      ['women', 1],
      ['men', 3],
    ]);
  });

  test('gives the report in tests/golden/data-audit.txt to the letter', async () => {
    const sections = auditSections(await audit(ROWS, 'MIT')).map((section) => ({
      ...section,
      rows: section.rows.map((cells) => cells.map((cell) => cell.replaceAll(folder, 'FOLDER'))),
    }));
    // Checked by hand, as above; written again with: npx vitest run tests/scripts/data/audit.test.ts --update
    await expect(sectionsText(sections)).toMatchFileSnapshot('../../golden/data-audit.txt');
  });

  test('gives the same report each time, with intervals, and no text of data as HTML', async () => {
    const rows = [
      ...ROWS,
      { text: `<script>alert(1)</script> ${STORY}` },
      { text: `<script>alert(1)</script> ${STORY}` },
    ];
    const found = await audit(rows);
    const page = sectionsPage('A & B', auditSections(found));
    expect(page).toBe(sectionsPage('A & B', auditSections(await audit(rows))));
    expect(page).not.toContain('<script>');
    expect(page).toContain('&lt;script&gt;');
    expect(page).toContain('<title>A &amp; B</title>');
    expect(sectionsText(auditSections(found))).toMatch(
      /CC-BY-4\.0 .* 2 {2}25\.00 % \[7\.15, 59\.07\]/,
    );
  });

  test('never writes control characters of data to a terminal', () => {
    const text = sectionsText([{ title: 'x', rows: [['a\u001b[31mred\u0007\nb']] }]);

    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});

describe('personal data', () => {
  test("is what the kit's finders find in texts whose values are known", async () => {
    const random = new SeededRandom(5);
    let n = 0;
    for (let i = 0; i < 100; i++) {
      const { text, values } = personalText(() => random.next());
      const counts = await personalCounts(text);
      const wanted = new Map<string, number>();
      for (const { kind } of values) wanted.set(kind, (wanted.get(kind) ?? 0) + 1);
      for (const [kind, count] of wanted)
        if ((counts.get(kind as never) ?? 0) >= count) n++;
        else n--;
    }
    expect(n).toBeGreaterThan(100);
  });

  test('of a text with more values than a conversation may have is counted up to there', async () => {
    const text = Array.from({ length: 1500 }, (_, i) => `user${i}@example.org`).join(' ');
    expect((await personalCounts(text)).get('email')).toBe(1000);
  });
});

describe('licences', () => {
  test.each([
    ['CC-BY-4.0', 'attribution'],
    ['CC BY-SA 3.0', 'share-alike'],
    ['CC-BY-NC-4.0', 'non-commercial'],
    ['cc-by-nd-4.0', 'no derivatives'],
    ['public-domain', 'public domain'],
    ['CC0-1.0', 'public domain'],
    ['MIT', 'attribution'],
    ['CDLA-Sharing-1.0', 'share-alike'],
    ['research only', 'research only'],
    ['unknown', 'unknown'],
    ['all rights reserved', 'other'],
  ])('%s: %s', (name, kind) => {
    expect(licenceKind(name)).toBe(kind);
  });

  test("a row's own counts before what is given", () => {
    expect(licenceOf({ fields: { license: ' MIT ' } }, 'CC0-1.0')).toBe('MIT');
    expect(licenceOf({ fields: { licence: '' } }, 'CC0-1.0')).toBe('CC0-1.0');
    expect(licenceOf({ fields: {} }, null)).toBe('unknown');
    expect(licenceUrl('CC-BY-SA-4.0')).toBe('https://spdx.org/licenses/CC-BY-SA-4.0.html');
    expect(licenceUrl('my own')).toBe('my own');
  });
});

const TATOEBA = findTestData(
  'tatoeba-fra-eng/fra-eng.zip',
  'manythings.org/anki, French - English',
);
describe.skipIf(TATOEBA === null)('languages of 2,000 sentences of Tatoeba', () => {
  test('are told from a few words', async () => {
    const { 'fra.txt': file } = unzipSync(await readFile(TATOEBA!));
    const pairs = new TextDecoder()
      .decode(file)
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
    const step = Math.floor(pairs.length / 1000);
    const found = { en: 0, fr: 0 };
    for (let i = 0; i < 1000; i++) {
      const [english = '', french = ''] = pairs[i * step + 5]!;
      if (languageOf(english) === 'en') found.en++;
      if (languageOf(french) === 'fr') found.fr++;
    }
    expect(found.en).toBeGreaterThanOrEqual(985);
    expect(found.fr).toBeGreaterThanOrEqual(975);
  });
});

describe('languages', () => {
  test('of nothing, and of a text of any length', () => {
    expect(languageOf('')).toBe('unknown');
    expect(languageOf('123 456')).toBe('unknown');
    expect(languageOf('The weather is nice today. '.repeat(50_000))).toBe('en');
  });
});

test('pictures and recordings are counted, and broken ones named', async () => {
  const media = await mkdtemp(join(folder, 'media-'));
  const put = (name: string, bytes: Uint8Array) => writeFile(join(media, name), bytes);
  await put('a.png', formulaPng(40, 30, 3));
  await put('b.png', formulaPng(40, 30, 3));
  await put('c.png', formulaPng(60, 80, 9));
  await put('broken.png', formulaPng(40, 30, 3).subarray(0, 50));
  const tone = sine(440, 16_000, 1);
  tone.fill(0, 8000);
  await put('half.wav', wavBytes(pcm16(tone)));
  const path = join(media, 'rows.jsonl');
  const pictures = ['a', 'b', 'c', 'a', 'broken'].map((name) => ({
    ...{ image: `${name}.png`, caption: 'The same.' },
  }));
  const rows = [...pictures, { audio: 'half.wav', caption: 'The same.' }];
  await writeFile(path, rows.map((row) => JSON.stringify(row)).join('\n'));
  const found = await auditRows({
    input: {
      ...{ files: [media], format: null, separator: '\n', field: null },
      signal: new AbortController().signal,
    },
    ...{ isStrict: false, licence: null, similarity: 0.8, classifier: null },
    openSound: async (sound) => soundFacts(sound, await loadDecoders()),
  });
  expect([found.nRow, found.nExact, found.nNear]).toEqual([5, 2, 0]);
  expect(found.problems.kept).toMatchObject([
    { line: 5, field: 'image', problem: 'names a picture that cannot be read' },
  ]);
  expect(found.pictures).toMatchObject({ nRow: 4, nFile: 3, nExact: 1, nNear: 0 });
  expect(found.pictures!.width.quantiles).toEqual([40, 40, 40, 40, 60, 60, 60]);
  expect(found.recordings).toMatchObject({
    ...{ nFile: 1, seconds: 1, silentSeconds: 0.5, nSilent: 0 },
    rates: [{ name: '16000 Hz, mono', nRow: 1 }],
  });
  expect(sectionsText(auditSections(found))).toMatch(/silent seconds +0\.5, 50\.00 %/);
});
