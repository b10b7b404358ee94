import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseManifest } from '../../../engine/manifest/manifest.ts';
import { tokenizerJsonFromPieces } from '../../../engine/text/tokenizer-json.ts';
import { importModel } from '../../../scripts/import/import-model.ts';
import { bitFlips, outcome } from '../../support/hostile.ts';
import { TINY_PIECES, tinyGguf, tinyHfConfig, writeTinyFolder } from '../../support/tiny-llama.ts';

/** A sound tokenizer with one id more than the embedding has rows. */
const BIG_VOCAB = tokenizerJsonFromPieces({
  pieces: [...TINY_PIECES, 'c'],
  scores: [...TINY_PIECES, 'c'].map((_, i) => -i),
}).json;

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-hostile-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Imports and tells how it ended; a model is there exactly when it ended well. */
async function tryImport(input: string): Promise<string> {
  const outRoot = join(root, 'models');
  const folder = join(outRoot, 'hostile');
  const result = await outcome(() => importModel({ input, id: 'hostile', outRoot }));
  expect(existsSync(folder)).toBe(result === 'ok');
  if (result === 'ok')
    parseManifest(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')));
  await rm(outRoot, { recursive: true, force: true });
  return result;
}

describe('damaged files import whole or not at all', () => {
  test('GGUF with bits turned anywhere', { timeout: 120_000 }, async () => {
    const data = tinyGguf();
    const path = join(root, 'bad.gguf');
    const seen = new Set<string>();
    for (const bad of bitFlips(data, { count: 150, within: data.byteLength, seed: 21 })) {
      await writeFile(path, bad);
      seen.add(await tryImport(path));
    }
    // Flips in weights change a model without making it invalid; the source's hash finds those.
    expect([...seen]).toEqual(expect.arrayContaining(['ok', 'E_FORMAT_INVALID']));
  });

  test.each(['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'])(
    'a Hugging Face folder with bits turned in %s',
    { timeout: 120_000 },
    async (name) => {
      const folder = join(root, 'hf');
      await writeTinyFolder(folder);
      const data = new Uint8Array(await readFile(join(folder, name)));
      const seen = new Set<string>();
      for (const bad of bitFlips(data, { count: 80, within: 2000, seed: 22 })) {
        await writeFile(join(folder, name), bad);
        seen.add(await tryImport(folder));
      }
      expect([...seen].some((code) => code !== 'ok')).toBe(true);
    },
  );

  test.each([
    ['config.json', '[]', 'E_FORMAT_INVALID'],
    ['config.json', '{}', 'E_ARCH_UNKNOWN'],
    ['config.json', '{"model_type":"__proto__"}', 'E_ARCH_UNKNOWN'],
    ['tokenizer.json', '{}', 'E_TOKENIZER_INVALID'],
    ['tokenizer.json', BIG_VOCAB, 'E_TOKENIZER_INVALID'],
    [
      'config.json',
      JSON.stringify({ ...tinyHfConfig(), eos_token_id: 264 }),
      'E_TOKENIZER_INVALID',
    ],
    ['tokenizer.json', 'nothing', 'E_FORMAT_INVALID'],
    ['generation_config.json', '{', 'E_FORMAT_INVALID'],
    ['tokenizer_config.json', '7', 'E_FORMAT_INVALID'],
  ])('%s, wrong content %#', async (name, text, code) => {
    await writeTinyFolder(join(root, 'hf'), { files: { [name]: text } });
    expect(await tryImport(join(root, 'hf'))).toBe(code);
  });

  test.each(['tokenizer.json', 'model.safetensors'])('%s missing', async (name) => {
    await writeTinyFolder(join(root, 'hf'));
    await rm(join(root, 'hf', name));
    expect(await tryImport(join(root, 'hf'))).not.toBe('ok');
  });
});
