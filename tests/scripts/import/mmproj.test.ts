/** llama.cpp's files of a text model and its tower, in one folder: the same tower as of a Hugging Face folder. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import { importModel } from '../../../scripts/import/import-model.ts';
import { failure, outRoot, readWeights, root, run } from '../../support/import-folder.ts';
import { SEEING, SEEING_GGUF, writeSeeing, writeSeeingGguf } from '../../support/tiny-seeing.ts';

type PairName = keyof typeof SEEING_GGUF;
type Files = ReturnType<(typeof SEEING_GGUF)[PairName]>;

async function importPair(name: PairName, change: (files: Files) => Files = (files) => files) {
  return await run(await writeSeeingGguf(join(root, 'pair'), change(SEEING_GGUF[name]())));
}

describe.each(Object.keys(SEEING_GGUF) as PairName[])('%s', (name) => {
  test('the weights of both towers are the same, and what is said of them', async () => {
    const pair = await importPair(name);
    const input = await writeSeeing(join(root, name), SEEING[name]());
    const whole = await importModel({ input, id: 'whole', outRoot: outRoot() });
    const ours = await readWeights(pair.tower!.folder);
    expect(ours).toEqual(await readWeights(whole.tower!.folder));
    const [one, other] = [pair, whole].map(({ tower }) => requireKind(tower!.manifest, 'tower'));
    const { mean, deviation, normEps, preparation, ...sizes } = one!.config;
    expect(other!.config).toMatchObject(sizes);
    expect(normEps).toBeCloseTo(other!.config.normEps, 10);
    expect(one!.architecture).toBe(other!.architecture);
    if (name === 'idefics3') {
      expect(preparation).toEqual(other!.config.preparation);
      expect(mean.concat(deviation)).toEqual(other!.config.mean.concat(other!.config.deviation));
    }
    const sights = [pair, whole].map(({ manifest }) => requireKind(manifest, 'decoder').sight!);
    const { tower: _, towerSha256: hash, ...sight } = sights[0]!;
    expect(sights[1]).toMatchObject(sight);
    expect(hash).toBe(pair.tower!.manifest.sourceSha256);
    expect(hash).not.toBe(pair.manifest.sourceSha256);
  });
});

test('older files, which call the two products of a layer by each other’s names', async () => {
  const swap = (tensorName: string) =>
    tensorName.replace(/ffn_(up|down)/, (_, part) => (part === 'up' ? 'ffn_down' : 'ffn_up'));
  const old = await importPair('llava', ({ text, mmproj }) => ({
    text,
    mmproj: {
      ...mmproj,
      tensors: mmproj.tensors.map((tensor) => ({ ...tensor, name: swap(tensor.name) })),
    },
  }));
  const weights = await readWeights(old.tower!.folder);
  const input = await writeSeeing(join(root, 'llava'), SEEING.llava());
  const whole = await importModel({ input, id: 'whole', outRoot: outRoot() });
  expect(weights).toEqual(await readWeights(whole.tower!.folder));
});

describe('refused by name', () => {
  const withKey =
    (key: string, value: Files['mmproj']['metadata'][string]) =>
    ({ text, mmproj }: Files): Files => ({
      text,
      mmproj: { ...mmproj, metadata: { ...mmproj.metadata, [key]: value } },
    });
  test.each<[string, (files: Files) => Files, string, RegExp]>([
    [
      'another projector',
      withKey('clip.projector_type', ['string', 'resampler']),
      'E_ARCH_UNKNOWN',
      /clip\.projector_type 'resampler'.*idefics3 or mlp/,
    ],
    [
      'a patch that lies',
      withKey('clip.vision.patch_size', ['u32', 3]),
      'E_FORMAT_INVALID',
      /patch 3 does not divide side 16/,
    ],
    [
      'layers that are not there',
      withKey('clip.vision.block_count', ['u32', 4]),
      'E_TENSOR_MISSING',
      /v\.blk\.2/,
    ],
    [
      'means of one channel',
      withKey('clip.vision.image_mean', ['array', 'f32', [0.5]]),
      'E_FORMAT_INVALID',
      /clip\.vision\.image_mean/,
    ],
    [
      'a width that is not the text model’s',
      withKey('clip.vision.embedding_length', ['u32', 32]),
      'E_TENSOR_SHAPE',
      /v\.patch_embd\.weight/,
    ],
  ])('%s', async (_, change, code, message) => {
    const error = await failure(importPair('idefics3', change));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
    const there = await readdir(outRoot()).catch(() => []);
    expect(there.filter((entry) => /^tiny(-tower)?$/.test(entry))).toEqual([]);
  });
});
