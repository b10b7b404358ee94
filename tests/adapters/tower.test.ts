/** Image towers as files: read for their own embedding model, refused for others and when damaged. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import {
  TOWER_CONFIG_FILE,
  TOWER_WEIGHTS_FILE,
  towerBaseHash,
} from '../../engine/adapters/tower.ts';
import type { EncoderManifest } from '../../engine/manifest/manifest.ts';
import { openTower } from '../../scripts/import/open/open-adapter.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { MINILM_ID } from '../support/encoders.ts';
import { importedModel, temporaryFolder } from '../support/models.ts';

const FOLDER = join(repoRoot, 'assets', 'space');

let base: EncoderManifest;
beforeAll(async () => {
  ({ manifest: base } = await importedModel(MINILM_ID, 'encoder'));
});

test('the tower of the kit is for its embedding model, with vectors of tokens or without', async () => {
  const { facts, tensors } = await openTower(FOLDER, base);
  expect(facts.text).toBe(MINILM_ID);
  expect(facts.nEmbd).toBe(base.config.nEmbd);
  expect(tensors.positions).toHaveLength(facts.nEmbd);
  expect(base.config.late).toBeDefined();
  const { late: _late, ...plain } = base.config;
  expect(await towerBaseHash({ ...base, config: plain })).toBe(facts.textSha256);
});

test('another tokenizer, network or width is another base', async () => {
  const others: readonly EncoderManifest[] = [
    { ...base, tokenizer: { ...base.tokenizer, sha256: '0'.repeat(64) } },
    { ...base, config: { ...base.config, nLayer: base.config.nLayer + 1 } },
    { ...base, config: { ...base.config, nEmbd: base.config.nEmbd * 2 } },
  ];
  for (const other of others)
    await expect(openTower(FOLDER, other)).rejects.toMatchObject({
      ...{ code: 'E_ADAPTER_BASE', message: expect.stringContaining(MINILM_ID) as string },
    });
});

test('a damaged folder is refused by its file', async () => {
  await using folder = await temporaryFolder();
  const copy = join(folder.path, 'tower');
  await cp(FOLDER, copy, { recursive: true });
  const config = join(copy, TOWER_CONFIG_FILE);
  const facts = JSON.parse(await readFile(config, 'utf8')) as object;
  const tryWith = async (changes: object) => {
    await writeFile(config, JSON.stringify({ ...facts, ...changes }));
    return await openTower(copy, base);
  };
  await expect(tryWith({ scale: -1 })).rejects.toMatchObject({ code: 'E_FORMAT_INVALID' });
  await expect(tryWith({ more: 1 })).rejects.toMatchObject({ code: 'E_FORMAT_INVALID' });
  await expect(tryWith({ nHidden: 999 })).rejects.toMatchObject({ code: 'E_TENSOR_SHAPE' });
  await writeFile(join(copy, TOWER_WEIGHTS_FILE), 'nothing');
  await expect(tryWith({})).rejects.toThrow(TOWER_WEIGHTS_FILE);
  await expect(openTower(folder.path, base)).rejects.toMatchObject({ code: 'E_USAGE' });
});
