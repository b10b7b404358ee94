/**
 * The committed adapter that translates: its files are those of its record, small enough, and it translates as recorded.
 * @module-tag slow
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { isTrainedPrefix } from '../../../engine/adapters/prefix.ts';
import { readSplit } from '../../../scripts/finetune/translation/data.ts';
import {
  evaluateTranslation,
  type TranslationReport,
} from '../../../scripts/finetune/translation/evaluate.ts';
import { loadWithAdapter } from '../../../scripts/finetune/measure/answers.ts';
import { adapterHashes, readRecord } from '../../../scripts/finetune/measure/record.ts';
import { openAdapter } from '../../../scripts/import/open/open-adapter.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';
import { SMALL_MODEL_ID } from '../../../scripts/pull/catalogue.ts';
import { importedModel } from '../../support/models.ts';

const FOLDER = join(repoRoot, 'assets/adapters/english-french');
const MAX_BYTES = 6_000_000;
/** chrF2 above the base that the recipe is for. */
const MIN_GAIN = 20;
/** So few sentences may be easier or harder than those of the record. */
const MARGIN = 10;

const record = await readRecord<TranslationReport>(FOLDER);
const { base, adapter, nTest, nSameOff, nAskedOff, model } = record.report;

test('hashes are those of the record, and the adapter is small', async () => {
  expect(await adapterHashes(FOLDER)).toEqual(record.files);
  const { size } = await stat(join(FOLDER, 'adapter_model.safetensors'));
  expect(size).toBeLessThan(MAX_BYTES);
  expect(await readFile(join(FOLDER, 'README.md'), 'utf8')).toMatch(/CC[- ]BY[- ]2\.0[- ]FR/i);
});

test('it was measured on enough sentences, and the base beside it changed in no bit', () => {
  expect(model).toBe(SMALL_MODEL_ID);
  expect(nTest).toBeGreaterThanOrEqual(300);
  expect(adapter.chrf - base.chrf).toBeGreaterThanOrEqual(MIN_GAIN);
  expect([nSameOff, nAskedOff]).toEqual([nAskedOff, 20]);
});

test('the engine translates sentences that were never learned as the record says', async () => {
  const { folder, manifest } = await importedModel(SMALL_MODEL_ID, 'decoder');
  const opened = await openAdapter(FOLDER, manifest);
  if (isTrainedPrefix(opened)) throw new Error('expected a low-rank adapter');
  const local = await loadWithAdapter(SMALL_MODEL_ID, manifest, opened, dirname(folder));
  const found = await evaluateTranslation(local, opened, await readSplit(join(FOLDER, 'some')), {
    languages: { source: 'English', target: 'French' },
    ...{ signal: new AbortController().signal, onAnswer: () => undefined },
  });
  expect(Math.abs(found.adapter.chrf - adapter.chrf)).toBeLessThan(MARGIN);
  expect(found.adapter.chrf - found.base.chrf).toBeGreaterThan(MIN_GAIN - MARGIN);
  expect(found.nSameOff).toBe(found.nAskedOff);
}, 240_000);
