/** The vectors of tokens that are committed: their hash, their size, and that the real model gets them. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importModel } from '../../../scripts/import/import-model.ts';
import { LATE_FOLDER } from '../../../scripts/import/open/late-interaction.ts';
import { loadLocalEncoder } from '../../../scripts/node-host/encoder.ts';
import { MINILM_ID } from '../../support/encoders.ts';
import { temporaryFolder } from '../../support/models.ts';
import { findModelFile } from '../../support/needs.ts';

const NAME = 'all-minilm-l6-v2.safetensors';
const SHA256 = 'dedf0c290695db9982164d5867749be6d825d80e886c470dbc427c6389ff2bfe';
const MAX_BYTES = 1_000_000;

test('the file is the one that the card speaks of', () => {
  expect(readdirSync(LATE_FOLDER).sort()).toEqual(['README.md', NAME]);
  const bytes = readFileSync(join(LATE_FOLDER, NAME));
  expect(bytes.length).toBeLessThan(MAX_BYTES);
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(SHA256);
  expect(readFileSync(join(LATE_FOLDER, 'README.md'), 'utf8')).toContain(SHA256);
});

const path = findModelFile(MINILM_ID);

describe.skipIf(path === null)(`${MINILM_ID}, when its file is in the cache`, () => {
  const query = 'When is bread baked?';
  const passages = [
    'The oven is lit at four, and the loaves come out before the shop opens.',
    'Bread is baked every morning at five.',
    'A boat leaves the harbour at noon.',
  ];
  /** Of make-late-scores.py: float32 in PyTorch. */
  const WANT = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../golden/late-scores.json'), 'utf8'),
  ) as readonly number[];

  test.each([
    ['lossless', 2e-5],
    ['q6b', 0.03],
  ])('%s gives the scores of PyTorch', async (preset, bound) => {
    await using folder = await temporaryFolder();
    await importModel({ input: path!, id: preset, preset, outRoot: folder.path });
    const { engine, tokenizer } = await loadLocalEncoder(preset, {}, folder.path);
    const idsOf = (text: string) => [101, ...tokenizer.encode(text, { special: false }), 102];
    const scores = await engine.interact(idsOf(query), passages.map(idsOf));
    for (const [i, score] of scores.entries())
      expect(Math.abs(score - WANT[i]!)).toBeLessThan(bound);
    const [other, best, none] = scores as [number, number, number];
    expect(best).toBeGreaterThan(other);
    expect(other).toBeGreaterThan(none);
  });
});
