import { expect, test } from 'vitest';
import { parseManifest } from '../../engine/manifest/manifest.ts';
import type { ModelConfig } from '../../engine/manifest/manifest.ts';
import { plannedManifest } from '../support/planned-manifest.ts';
import { failure } from '../support/import-folder.ts';
import { TINY_CONFIG } from '../support/tiny-llama.ts';

const TYPES = { table: 'F32', layers: 'F32' } as const;
const MANIFEST = plannedManifest(TINY_CONFIG, 'lossless', TYPES);

/** Numbers kernels would follow out of their rows. */
const CONTRADICTIONS: readonly (readonly [Partial<ModelConfig>, string])[] = [
  [{ nHead: 5 }, 'nKvHead'],
  [{ ropeDim: 12 }, 'ropeDim'],
  [{ ropeDim: 3 }, 'ropeDim'],
  [{ ropeScaling: { kind: 'factors', factors: [1, 2] } }, 'rope factors'],
  [
    {
      ropeScaling: {
        kind: 'longrope',
        short: [1, 1, 1, 1, 1],
        long: [1],
        originalCtx: 32,
        attnFactor: 1,
      },
    },
    'rope factors',
  ],
  [{ windows: [8] }, 'windows'],
  [{ nExpert: 4, nExpertUsed: 5 }, 'nExpertUsed 5 of 4'],
  [{ nExpert: 4 }, 'nExpertUsed 0 of 4'],
  [{ nExpertUsed: 1 }, 'nExpertUsed 1 of 0'],
  [{ nLayer: 1024, nExpert: 1024, nExpertUsed: 8 }, '1024 experts in 1024 layers'],
];

test.each(CONTRADICTIONS)('a manifest with %j is refused', async (change, text) => {
  const wrong = { ...MANIFEST, config: { ...MANIFEST.config, ...change } };
  const error = await failure((async () => parseManifest(await Promise.resolve(wrong)))());
  expect(error.code).toBe('E_MANIFEST_INVALID');
  expect(error.message).toContain(text);
});

test.each([
  [{ logitSoftcap: 0 }, 'config.logitSoftcap'],
  [{ windows: [-1, 0, 0] }, 'config.windows.0'],
  [{ nExpert: 1e9 }, 'config.nExpert'],
] as const)('a manifest with %j is refused by its field', async (change, field) => {
  const wrong = { ...MANIFEST, config: { ...MANIFEST.config, ...change } };
  const error = await failure((async () => parseManifest(await Promise.resolve(wrong)))());
  expect(error.code).toBe('E_MANIFEST_INVALID');
  expect(error.message).toContain(field);
});

test.each(['talking', '__proto__', 'constructor', null, 7])(
  'a kind %j is refused',
  async (kind) => {
    const wrong = { ...MANIFEST, kind };
    const error = await failure((async () => parseManifest(await Promise.resolve(wrong)))());
    expect(error.code).toBe('E_MANIFEST_INVALID');
    expect(error.message).toContain('kind');
  },
);

test('a manifest without the numbers only some families have is whole', () => {
  expect(parseManifest(MANIFEST)).toEqual(MANIFEST);
});
