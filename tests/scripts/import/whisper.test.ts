/** Whisper from CTranslate2 and Hugging Face folders of the same weights. */
import { join } from 'node:path';
import { rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import { importModel } from '../../../scripts/import/import-model.ts';
import { readImported } from '../../../scripts/push/push.ts';
import { temporaryFolder } from '../../support/models.ts';
import { TINY_WHISPER, writeTinyCtranslate2, writeTinyHf } from '../../support/tiny-whisper.ts';

async function importOf(root: string, input: string, id: string, preset: string) {
  const { manifest } = await importModel({ input, id, preset, outRoot: join(root, 'models') });
  return requireKind(manifest, 'recognition');
}

describe('import of Whisper', () => {
  it('gives the same model of a CTranslate2 folder, of its parts and of a Hugging Face folder', async () => {
    await using root = await temporaryFolder();
    const folders = {
      whole: await writeTinyCtranslate2(join(root.path, 'whole')),
      parts: await writeTinyCtranslate2(join(root.path, 'parts'), { cuts: [1000, 40_001] }),
      hf: await writeTinyHf(join(root.path, 'hf')),
    };
    const [whole, parts, hf] = await Promise.all(
      Object.entries(folders).map(([id, folder]) => importOf(root.path, folder, id, 'lossless')),
    );
    expect(whole!.config).toEqual(TINY_WHISPER);
    expect(parts!.config).toEqual(TINY_WHISPER);
    expect(hf!.config).toEqual(TINY_WHISPER);
    const hashes = (manifest: typeof whole) => manifest!.shards.map(({ sha256 }) => sha256);
    expect(hashes(parts)).toEqual(hashes(whole));
    // Hugging Face files have no biases of keys: all other tensors have the same bytes.
    const rows = (manifest: typeof whole) =>
      manifest!.tensors.map(({ name, shape, dtype, bytes }) => ({ name, shape, dtype, bytes }));
    const withoutKeys = rows(whole).filter(({ name }) => !/k(Bias)$/i.test(name));
    expect(rows(hf)).toEqual(withoutKeys);
    expect(whole!.tensors.every(({ exact }) => exact)).toBe(true);
  });

  it('stores matrices as the preset says, and small tensors as they are', async () => {
    await using root = await temporaryFolder();
    const folder = await writeTinyCtranslate2(join(root.path, 'ct2'));
    const { tensors } = await importOf(root.path, folder, 'tiny', 'q8');
    const typeOf = (name: string) => tensors.find((tensor) => tensor.name === name)!.dtype;
    expect(typeOf('conv1')).toBe('q8');
    expect(typeOf('encoder.layers.0.qProj')).toBe('q8');
    expect(typeOf('encoder.layers.0.qBias')).toBe('f32');
    expect(typeOf('audioPositions')).toBe('f32');
  });

  it('reads manifests that call the kind by its former name', async () => {
    await using root = await temporaryFolder();
    const folder = await writeTinyCtranslate2(join(root.path, 'ct2'));
    const manifest = await importOf(root.path, folder, 'tiny', 'edge');
    const path = join(root.path, 'models', 'tiny', 'manifest.json');
    await writeFile(path, JSON.stringify({ ...manifest, kind: 'speech' }));
    const { manifest: read } = await readImported(join(root.path, 'models', 'tiny'), 'tiny');
    expect(read).toEqual(manifest);
    expect(read.kind).toBe('recognition');
  });

  it('names what is missing', async () => {
    await using root = await temporaryFolder();
    const parts = await writeTinyCtranslate2(join(root.path, 'parts'), { cuts: [1000, 2000] });
    await rm(join(parts, 'model.bin.part2'));
    await expect(importOf(root.path, parts, 'a', 'edge')).rejects.toThrow(
      'model.bin.part2 is missing',
    );

    const cut = await writeTinyCtranslate2(join(root.path, 'cut'), { cuts: [1000] });
    await rm(join(cut, 'model.bin.part2'));
    await expect(importOf(root.path, cut, 'b', 'edge')).rejects.toMatchObject({
      code: 'E_FORMAT_INVALID',
    });

    const bare = await writeTinyCtranslate2(join(root.path, 'bare'));
    await writeFile(join(bare, 'tokenizer.json'), JSON.stringify({ added_tokens: [] }));
    await expect(importOf(root.path, bare, 'c', 'edge')).rejects.toMatchObject({
      code: 'E_TOKENIZER_INVALID',
    });

    const hf = await writeTinyHf(join(root.path, 'hf'));
    await writeFile(join(hf, 'config.json'), JSON.stringify({ model_type: 'whisper' }));
    await expect(importOf(root.path, hf, 'd', 'edge')).rejects.toThrow(
      'encoder_attention_heads: expected a number',
    );
  });
});
