/** The image tower that is committed: its hashes, its size, its split, and that the card says what was measured. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodeEyes } from '../../../engine/adapters/eyes.ts';
import { TOWER_CONFIG_FILE, TOWER_WEIGHTS_FILE } from '../../../engine/adapters/tower.ts';
import { towerFactsSchema } from '../../../engine/manifest/adapters.ts';
import { formatEstimate } from '../../../scripts/eval/intervals.ts';
import type { SpaceReport } from '../../../scripts/finetune/tower/evaluate.ts';
import { DEPTHS } from '../../../scripts/finetune/tower/evaluate.ts';
import { parseTowerConfig } from '../../../scripts/finetune/tower/config.ts';
import { readHashes } from '../../../scripts/finetune/tower/tower-data.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';

const FOLDER = join(repoRoot, 'assets', 'space');
const MAX_BYTES = 12_000_000;
const N_HELD_OUT = 375;

interface Record {
  readonly files: Readonly<{ [name: string]: string }>;
  readonly report: SpaceReport;
}

const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');
const record = JSON.parse(read('record.json')) as Record;

test('the files are those that were measured', async () => {
  const names = readdirSync(FOLDER).sort();
  expect(names).toEqual([...Object.keys(record.files), 'README.md', 'record.json'].sort());
  for (const [name, sha256] of Object.entries(record.files))
    expect(
      createHash('sha256')
        .update(readFileSync(join(FOLDER, name)))
        .digest('hex'),
      name,
    ).toBe(sha256);
  const bytes = new Uint8Array(readFileSync(join(FOLDER, TOWER_WEIGHTS_FILE)));
  expect(bytes.length).toBeLessThan(MAX_BYTES);
  const facts = towerFactsSchema.parse(JSON.parse(read(TOWER_CONFIG_FILE)));
  const tensors = await decodeEyes(TOWER_WEIGHTS_FILE, bytes, facts);
  const { hidden } = parseTowerConfig(read('config.json'), 'config.json').model;
  expect(tensors.hiddenBias).toHaveLength(hidden);
  expect(read('README.md')).toContain(record.files[TOWER_WEIGHTS_FILE]);
});

test('no picture that is measured was learned from, and every one that was has a licence', async () => {
  const held = await readHashes(join(FOLDER, 'held-out.txt'));
  expect(held.size).toBe(N_HELD_OUT);
  const learned = read('pictures.jsonl')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { sha256: string; licence: string; set: string });
  for (const { sha256, licence } of learned) {
    expect(held.has(sha256)).toBe(false);
    expect(licence).toMatch(/^(CC-BY|CC0|public domain)/);
  }
  expect(read('README.md')).toContain(`Of ${learned.length.toLocaleString('en')} pictures`);
});

test('the card says what was measured', () => {
  const card = read('README.md');
  const { nPicture, tower, labels, chance } = record.report;
  expect(nPicture).toBe(N_HELD_OUT);
  for (const scores of [tower, labels])
    for (const way of [scores.textToImage, scores.imageToText])
      for (const depth of DEPTHS) expect(card).toContain(formatEstimate(way[depth]));
  expect(card).toContain(chance[10].toFixed(3));
  // What is learned is more than what the names of classes tell.
  expect(tower.textToImage[10].low).toBeGreaterThan(labels.textToImage[10].high);
});
