/** Captions that are committed: whole, without pictures that are held out among those to learn from, each with a licence. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readHashes } from '../../../scripts/finetune/tower/tower-data.ts';
import {
  captionRows,
  questionRows,
  readPictureRows,
} from '../../../scripts/finetune/pictures/rows.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';

const FOLDER = join(repoRoot, 'assets', 'captions');

interface Line {
  readonly image: string;
  readonly split: string;
  readonly licence: string;
  readonly credit: string;
  readonly sha256: string;
}

const linesOf = (name: string): Line[] =>
  readFileSync(join(FOLDER, name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

test.each(['photographs.jsonl', 'drawings.jsonl'])(
  '%s is read as rows to learn from',
  async (name) => {
    const rows = await readPictureRows([join(FOLDER, name)]);
    expect(rows).toHaveLength(linesOf(name).length);
    const counts = (some: typeof rows): Set<number> =>
      new Set(some.map(({ texts }) => texts.length));
    expect(counts(captionRows(rows))).toEqual(new Set([3]));
    expect(counts(questionRows(rows))).toEqual(new Set([2]));
  },
);

test('pictures that are held out are the test, all others have licences that allow learning from them', async () => {
  const held = await readHashes(join(repoRoot, 'assets', 'space', 'held-out.txt'));
  const lines = [...linesOf('photographs.jsonl'), ...linesOf('drawings.jsonl')];
  expect(new Set(lines.map(({ sha256 }) => sha256)).size).toBe(lines.length);
  expect(new Set(lines.map(({ image }) => image)).size).toBe(lines.length);
  for (const { image, split, sha256, licence } of lines) {
    expect(image).toMatch(/^[\w-]+\/images\/[^/]+$/);
    expect(split, image).toBe(held.has(sha256) ? 'test' : 'train');
    expect(licence, image).toMatch(/^(CC-BY|CC0|public domain)/);
  }
  const count = (wanted: string): string =>
    lines.filter(({ split }) => split === wanted).length.toLocaleString('en');
  const card = readFileSync(join(FOLDER, 'README.md'), 'utf8');
  expect(card).toContain(lines.length.toLocaleString('en'));
  expect(count('test')).toBe(String(held.size));
  const nPhotograph = linesOf('photographs.jsonl').length - held.size;
  expect(card).toContain(`| ${nPhotograph.toLocaleString('en')} | ${held.size} `);
});
