/** What an import says of a model that a pool does not hold as it is by default. */
import { expect, test } from 'vitest';
import { poolNeed } from '../../../scripts/import/pool-need.ts';
import { plannedManifest, SMOLLM2_CONFIG } from '../../support/planned-manifest.ts';

const types = { table: 'Q8_0', layers: 'Q8_0' } as const;

test('a model that fits needs no words', () => {
  expect(poolNeed(plannedManifest(SMOLLM2_CONFIG, 'q4', types))).toMatchObject({ warning: null });
});

test('a model that needs more isolates than there are by default says how to get them', () => {
  const config = { ...SMOLLM2_CONFIG, nLayer: 120, nFf: 4096 };
  const need = poolNeed(plannedManifest(config, 'q8', types));
  expect(need?.isolates).toBeGreaterThan(7);
  expect(need?.warning).toContain(`needs ${need?.isolates} isolates`);
  expect(need?.warning).toContain('--isolates auto');
});

test('a model that no pool holds says where it runs', () => {
  const config = { ...SMOLLM2_CONFIG, nEmbd: 2048, nHead: 32, nKvHead: 32, nFf: 28_672 };
  const need = poolNeed(plannedManifest(config, 'q8', types));
  expect(need?.isolates).toBeNull();
  expect(need?.warning).toContain('thimble dev --memory 2GB');
});
