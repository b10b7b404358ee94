/**
 * The committed persona: its files are those of its record, small enough, and it answers and refuses as recorded.
 * @module-tag slow
 */
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { isTrainedPrefix } from '../../../engine/adapters/prefix.ts';
import { loadWithAdapter } from '../../../scripts/finetune/measure/answers.ts';
import { adapterHashes, readRecord } from '../../../scripts/finetune/measure/record.ts';
import { evaluatePersona, type PersonaReport } from '../../../scripts/finetune/persona/evaluate.ts';
import { makePersona, PERSONA_DEFAULTS } from '../../../scripts/finetune/persona/make.ts';
import { openAdapter } from '../../../scripts/import/open/open-adapter.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';
import { SMALL_MODEL_ID } from '../../../scripts/pull/catalogue.ts';
import { importedModel } from '../../support/models.ts';

const FOLDER = join(repoRoot, 'assets/adapters/shop');
const MAX_BYTES = 6_000_000;
/** Every so many requests are asked. */
const STRIDE = 8;
/** So few requests may be easier or harder than those of the record. */
const MARGIN = 0.3;

const record = await readRecord<PersonaReport>(FOLDER);
const { model, nTest, base, adapter } = record.report;

test('hashes are those of the record, and the adapter is small', async () => {
  expect(await adapterHashes(FOLDER)).toEqual(record.files);
  const { size } = await stat(join(FOLDER, 'adapter_model.safetensors'));
  expect(size).toBeLessThan(MAX_BYTES);
});

test('it knows facts, refuses what it must and answers the rest, better than the base by more than chance', () => {
  expect(model).toBe(SMALL_MODEL_ID);
  expect(nTest).toBeGreaterThanOrEqual(200);
  expect(adapter.facts.low).toBeGreaterThan(base.facts.high);
  expect(adapter.refusedNew.low).toBeGreaterThan(base.refusedNew.high);
  expect(adapter.refusedLearned.value).toBeGreaterThan(base.refusedLearned.value);
  expect(adapter.wrongRefusals.high).toBeLessThan(base.wrongRefusals.low);
});

test('the engine answers requests in new wordings as the record says', async () => {
  const { folder, manifest } = await importedModel(SMALL_MODEL_ID, 'decoder');
  const opened = await openAdapter(FOLDER, manifest);
  if (isTrainedPrefix(opened)) throw new Error('expected a low-rank adapter');
  const local = await loadWithAdapter(SMALL_MODEL_ID, manifest, opened, dirname(folder));
  const { test: requests, choice } = makePersona(PERSONA_DEFAULTS);
  const some = { test: requests.filter((_, i) => i % STRIDE === 0), choice: choice.slice(0, 1) };
  const found = await evaluatePersona(local, opened, some, {
    ...{ signal: new AbortController().signal, onAnswer: () => undefined },
  });
  expect(Math.abs(found.adapter.facts.value - adapter.facts.value)).toBeLessThan(MARGIN);
  expect(Math.abs(found.adapter.refusedLearned.value - adapter.refusedLearned.value)).toBeLessThan(
    MARGIN,
  );
}, 240_000);
