/**
 * The committed adapter that extracts: its files are those of its record, small enough, and it extracts as recorded, from texts of
 * families that it has never learned.
 * @module-tag slow
 */
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { isTrainedPrefix } from '../../../engine/adapters/prefix.ts';
import {
  evaluateExtraction,
  type ExtractionReport,
} from '../../../scripts/finetune/extraction/evaluate.ts';
import { EXTRACTION_DEFAULTS, makeExtraction } from '../../../scripts/finetune/extraction/make.ts';
import { loadWithAdapter } from '../../../scripts/finetune/measure/answers.ts';
import { adapterHashes, readRecord } from '../../../scripts/finetune/measure/record.ts';
import { openAdapter } from '../../../scripts/import/open/open-adapter.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';
import { SMALL_MODEL_ID } from '../../../scripts/pull/catalogue.ts';
import { importedModel } from '../../support/models.ts';

const FOLDER = join(repoRoot, 'assets/adapters/extractor');
const MAX_BYTES = 6_000_000;
const N_TEXT = 10;
/** So few texts may be easier or harder than those of the record. */
const MARGIN = 0.25;

const record = await readRecord<ExtractionReport>(FOLDER);
const { model, nTest, modes } = record.report;

test('hashes are those of the record, and the adapter is small', async () => {
  expect(await adapterHashes(FOLDER)).toEqual(record.files);
  const { size } = await stat(join(FOLDER, 'adapter_model.safetensors'));
  expect(size).toBeLessThan(MAX_BYTES);
});

test('it was measured on enough texts, and is better than the base by more than chance in both ways', () => {
  expect(model).toBe(SMALL_MODEL_ID);
  expect(nTest).toBeGreaterThanOrEqual(100);
  for (const { base, adapter } of Object.values(modes))
    expect(adapter.fieldF1.low).toBeGreaterThan(base.fieldF1.high);
});

test('the engine extracts from texts of other families as the record says', async () => {
  const { folder, manifest } = await importedModel(SMALL_MODEL_ID, 'decoder');
  const opened = await openAdapter(FOLDER, manifest);
  if (isTrainedPrefix(opened)) throw new Error('expected a low-rank adapter');
  const local = await loadWithAdapter(SMALL_MODEL_ID, manifest, opened, dirname(folder));
  const { train, test: texts, choice } = makeExtraction(EXTRACTION_DEFAULTS);
  const some = { examples: train, test: texts.slice(0, N_TEXT), choice: choice.slice(0, 1) };
  const found = await evaluateExtraction(local, opened, some, {
    ...{ signal: new AbortController().signal, onAnswer: () => undefined },
  });
  const { adapter } = found.modes.constrained;
  expect(Math.abs(adapter.fieldF1.value - modes.constrained.adapter.fieldF1.value)).toBeLessThan(
    MARGIN,
  );
  expect(adapter.fieldF1.value).toBeGreaterThan(modes.constrained.base.fieldF1.high);
}, 240_000);
