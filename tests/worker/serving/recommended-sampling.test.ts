/** What a model's makers recommend is taken where a request says nothing of sampling. */
import { expect, test } from 'vitest';
import { recommendedSamplingSchema } from '../../../engine/manifest/manifest.ts';
import { DEFAULT_SAMPLING } from '../../../engine/sample/params.ts';
import { samplingFromHf } from '../../../scripts/import/open/hf-sampling.ts';
import { CATALOGUE } from '../../../scripts/pull/catalogue.ts';
import { samplingParams } from '../../../worker/serving/fields/sampling.ts';

const vocabulary = { nVocab: 10, tokenBytes: () => null } as unknown as Parameters<
  typeof samplingParams
>[1];
const recommended = { temperature: 0.7, topP: 0.8, topK: 20, repetitionPenalty: 1.1 };

test('a request that says nothing is sampled as recommended; its seed is its own', () => {
  expect(samplingParams({ seed: 7 }, vocabulary, recommended)).toEqual({
    ...{ ...DEFAULT_SAMPLING, ...recommended, seed: 7 },
  });
});

test('a request that sets one parameter has the defaults of the API for the others', () => {
  for (const fields of [{ temperature: 0 }, { top_p: 0.5 }, { mirostat: 2 as const }])
    expect(samplingParams({ ...fields, seed: 7 }, vocabulary, recommended)).toEqual(
      samplingParams({ ...fields, seed: 7 }, vocabulary),
    );
});

test('generation_config.json is read as far as it makes sense', () => {
  const config = { do_sample: true, temperature: 0.6, top_k: 20, top_p: 0.95 };
  expect(samplingFromHf(config)).toEqual({ temperature: 0.6, topK: 20, topP: 0.95 });
  expect(samplingFromHf({ do_sample: false, temperature: 1 })).toEqual({ temperature: 0 });
  expect(samplingFromHf({ eos_token_id: 2 })).toBeUndefined();
  expect(samplingFromHf({ temperature: -1 })).toBeUndefined();
  expect(samplingFromHf({ temperature: 'hot' })).toBeUndefined();
});

test('the catalogue recommends what a manifest may have', () => {
  const rows = CATALOGUE.filter(({ sampling }) => sampling !== undefined);
  expect(rows.length).toBeGreaterThan(5);
  for (const { sampling } of rows)
    expect(recommendedSamplingSchema.parse(sampling)).toEqual(sampling);
});
