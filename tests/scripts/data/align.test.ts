/** Align: how well texts agree with recordings and pictures. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { alignOperation } from '../../../scripts/data/align/align.ts';
import type { AlignOptions } from '../../../scripts/data/align/align.ts';
import { agreementOf } from '../../../scripts/data/align/recordings.ts';
import { filterOperation } from '../../../scripts/data/filter.ts';
import { formulaPng } from '../../support/pictures.ts';
import { openRowFolder } from '../../support/data-rows.ts';

const { close, folder, newOut, put, rewrite } = await openRowFolder();
afterAll(close);

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
