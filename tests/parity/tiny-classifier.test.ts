/**
 * A tiny classifier of random weights, written as a Hugging Face folder, beside what transformers makes of it
 * (golden/tiny-classifier.json): texts, and pairs whose passages have the second token type.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { EncoderConfig, EncoderManifest } from '../../engine/manifest/manifest.ts';
import { importModel } from '../../scripts/import/import-model.ts';
import { loadLocalEncoder } from '../../scripts/node-host/encoder.ts';
import { pairIds } from '../../worker/serving/embedding/pair-ids.ts';
import { TINY_LABELS, writeTinyClassifier } from '../support/encoders.ts';
import { temporaryFolder } from '../support/models.ts';

interface Row {
  readonly text: string;
  readonly passage: string | null;
  readonly ids: readonly number[];
  readonly logits: readonly number[];
}
const golden = join(import.meta.dirname, '../golden/tiny-classifier.json');
const { rows } = JSON.parse(readFileSync(golden, 'utf8')) as { rows: readonly Row[] };
const IDS = rows.map(({ ids }) => ids);
/** Six digits of the fixture, and sums of floats in another order. */
const BOUND = 5e-6;

/** @param more fields of config.json @param changed what becomes of the manifest's config */
async function classifierOf(
  more: Readonly<Record<string, unknown>> = {},
  changed: (config: EncoderConfig) => EncoderConfig = (config) => config,
) {
  await using folder = await temporaryFolder();
  const outRoot = join(folder.path, 'models');
  await writeTinyClassifier(folder.path, more);
  await importModel({ input: folder.path, id: 'tiny', outRoot });
  const path = join(outRoot, 'tiny/manifest.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as EncoderManifest;
  writeFileSync(path, JSON.stringify({ ...manifest, config: changed(manifest.config) }));
  return await loadLocalEncoder('tiny', {}, outRoot);
}

/** @param first row of the fixture that the first scores are of */
function furthest(scores: readonly Float32Array[], first = 0): number {
  return Math.max(
    ...scores.flatMap((classes, i) =>
      Array.from(classes, (value, k) => Math.abs(value - rows[first + i]!.logits[k]!)),
    ),
  );
}

test('classes and their scores are those of transformers', async () => {
  const { engine, manifest } = await classifierOf();
  expect(manifest.config).toMatchObject({
    ...{ pooling: 'rank', nClass: TINY_LABELS.length, labels: TINY_LABELS, secondTypeAfterId: 3 },
  });
  const scores = await engine.classScores(IDS);
  expect(scores.map(({ length }) => length)).toEqual(rows.map(() => TINY_LABELS.length));
  expect(furthest(scores)).toBeLessThan(BOUND);
  expect(await engine.score(IDS)).toEqual(scores.map(([first]) => first));
});

test('pairs have the ids that transformers was given', async () => {
  const model = await classifierOf();
  for (const { text, passage, ids } of rows)
    if (passage !== null)
      expect(pairIds(model, text, [passage], { truncate: false })).toEqual([ids]);
});

test('the comparison bites: without the second token type pairs differ, texts do not', async () => {
  const { engine } = await classifierOf({}, ({ secondTypeAfterId: _, ...config }) => config);
  const scores = await engine.classScores(IDS);
  for (const [i, { passage }] of rows.entries()) {
    const off = furthest(scores.slice(i, i + 1), i);
    if (passage === null) expect(off).toBeLessThan(BOUND);
    else expect(off).toBeGreaterThan(100 * BOUND);
  }
});

test.each([
  ['multi_label_classification', 'problem_type'],
  ['other', 'problem_type'],
])('a problem of the type %s is refused by its field', async (problem, field) => {
  await expect(classifierOf({ problem_type: problem })).rejects.toMatchObject({
    code: 'E_FORMAT_INVALID',
    details: { field },
  });
});

test('more classes than a reranker may have are refused', async () => {
  const id2label = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [i, `l${i}`]));
  await expect(classifierOf({ id2label })).rejects.toMatchObject({
    code: 'E_FORMAT_INVALID',
    details: { field: 'id2label' },
  });
});
