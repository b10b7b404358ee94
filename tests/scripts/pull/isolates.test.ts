/**
 * What the catalogue says of isolates: counts are those of the imported models, estimates are not far from them.
 * @module-tag slow
 */
import { expect, test } from 'vitest';
import { isolatesByDefault } from '../../../engine/placement/assign.ts';
import { requirePlaced } from '../../../engine/placement/needs.ts';
import { CATALOGUE } from '../../../scripts/pull/catalogue.ts';
import type { CatalogueTask } from '../../../scripts/pull/catalogue/entry.ts';
import { catalogueIsolates, describeIsolates } from '../../../scripts/pull/isolates.ts';
import type { ModelKind } from '../../../engine/manifest/manifest.ts';
import { importedModel } from '../../support/models.ts';

const KINDS: Partial<Record<CatalogueTask, ModelKind>> = {
  text: 'decoder',
  embedding: 'encoder',
  'speech-to-text': 'recognition',
  'image-classification': 'vision',
};
const counted = CATALOGUE.filter(({ isolates }) => isolates !== undefined);

test.each(counted.map((entry) => [entry.id, entry] as const))('%s', async (id, entry) => {
  const manifest = requirePlaced((await importedModel(id, KINDS[entry.task]!)).manifest);
  const count = isolatesByDefault(manifest);
  expect(catalogueIsolates(entry)).toEqual({ count, isExact: true });
  const { isolates: _, ...unknown } = entry;
  const estimate = catalogueIsolates(unknown)!;
  expect(estimate.isExact).toBe(false);
  expect(Math.abs(estimate.count! - count!)).toBeLessThanOrEqual(1);
});

test('models that are not divided, or run elsewhere, are said to be so', () => {
  const describeId = (id: string) => describeIsolates(CATALOGUE.find((entry) => entry.id === id)!);
  expect(describeId('qwen3-reranker-0.6b')).toBe('none (†)');
  expect(describeId('open-nsfw')).toBe('own (‡)');
  expect(describeId('efficientnet-lite0')).toBe('1');
  expect(describeId('bge-small-en-v1.5')).toBe('about 1');
});
