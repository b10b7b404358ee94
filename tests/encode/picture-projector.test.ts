/** What an image encoder sees as a grid of vectors, and eyes that make rows of them, against plain sums. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeEyes, readEyes } from '../../engine/adapters/eyes.ts';
import type { Eyes } from '../../engine/adapters/eyes.ts';
import { ImageEngine } from '../../engine/encode/image-engine.ts';
import type { VisionManifest } from '../../engine/manifest/manifest.ts';
import { partRange, poolMap } from '../../engine/model/vision/pool-map.ts';
import { eyesBytes } from '../../engine/model/vision/projector.ts';
import { f16ToF32 } from '../../engine/quant/half.ts';
import { loadKernelModules } from '../../scripts/node-host/kernels.ts';
import { FileModelSource } from '../../scripts/node-host/model-files.ts';
import { importedFrom } from '../support/models.ts';
import { importSeeing, randomEyes, readSeeing, TINY_ENCODER_FILE } from '../support/eyes.ts';
import { goldenPicture } from '../support/vision.ts';

let root = '';
let eyes: Eyes;
let manifest: VisionManifest;
let folder = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-projector-'));
  const { base } = await readSeeing(await importSeeing(root, 'q8'));
  ({ folder, manifest } = await importedFrom(TINY_ENCODER_FILE, 'lossless', 'vision'));
  eyes = await randomEyes(manifest, base, { beginId: 5, endId: 6 });
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function open(kernelBuild: 'relaxed' | 'simd', bytes: number): Promise<ImageEngine> {
  const source = new FileModelSource(folder, manifest);
  return await ImageEngine.load(source, await loadKernelModules(), {
    ...{ kernelBuild, eyesBytes: bytes, memoryBudgetBytes: null },
  });
}

const sourceOf = (one: Eyes, id = 'eyes') => ({
  ...{ id, regionBytes: eyesBytes(one.facts) },
  load: () => Promise.resolve(one.tensors),
});

test('parts of a side cover all of it, and overlap where they do not divide', () => {
  expect([0, 1, 2, 3].map((i) => partRange(i, 4, 7))).toEqual([
    ...[
      [0, 2],
      [1, 4],
      [3, 6],
      [5, 7],
    ],
  ]);
  const map = Float32Array.from({ length: 4 * 3 }, (_, i) => i);
  // Two channels of three that are stored; one part is the mean of all.
  expect([...poolMap(map, { side: 2, stride: 3, width: 2 }, 1)]).toEqual([4.5, 5.5]);
  expect([...poolMap(map, { side: 2, stride: 3, width: 2 }, 2)]).toEqual([0, 1, 3, 4, 6, 7, 9, 10]);
});

test('a grid of one vector is the mean that classes are told from', async () => {
  const engine = await open('relaxed', 0);
  const { features } = await engine.see(goldenPicture());
  const [whole, parts] = [
    await engine.look(goldenPicture(), 1),
    await engine.look(goldenPicture(), 4),
  ];
  expect(whole).toHaveLength(features.length);
  for (const [i, value] of whole.entries()) expect(value).toBeCloseTo(features[i]!, 4);
  expect(parts).toHaveLength(16 * features.length);
  await expect(engine.look(goldenPicture(), 113)).rejects.toMatchObject({
    code: 'E_REQUEST_INVALID',
  });
});

/** norm(W2 silu(W1 x + b1) + place) gain, in float64. */
function plainRows(vectors: Float32Array, { tensors: t }: Eyes): Float64Array {
  const { grid, nFeature, nHidden, nEmbd } = t;
  const out = new Float64Array(grid * grid * nEmbd);
  for (let i = 0; i < grid * grid; i++) {
    const x = Array.from(
      { length: nFeature },
      (_, c) => (vectors[i * nFeature + c]! - t.mean[c]!) / t.deviation[c]!,
    );
    const inside = Array.from({ length: nHidden }, (_, row) => {
      const z = x.reduce(
        (sum, value, c) => sum + value * f16ToF32(t.hidden[row * nFeature + c]!),
        t.hiddenBias[row]!,
      );
      return z / (1 + Math.exp(-z));
    });
    const seen = Array.from({ length: nEmbd }, (_, row) =>
      inside.reduce(
        (sum, value, c) => sum + value * f16ToF32(t.out[row * nHidden + c]!),
        t.positions[i * nEmbd + row]!,
      ),
    );
    const mean = seen.reduce((sum, value) => sum + value * value, 0) / nEmbd;
    for (const [c, value] of seen.entries())
      out[i * nEmbd + c] = (value / Math.sqrt(mean + t.normEps)) * t.gain[c]!;
  }
  return out;
}

test.each(['relaxed', 'simd'] as const)(
  'rows are plain sums of vectors, %s build',
  async (build) => {
    const engine = await open(build, eyesBytes(eyes.facts));
    const rows = await engine.show(goldenPicture(), sourceOf(eyes));
    const expected = plainRows(await engine.look(goldenPicture(), eyes.facts.grid), eyes);
    expect(rows).toHaveLength(expected.length);
    const largest = Math.max(...expected.map(Math.abs));
    for (const [i, value] of rows.entries())
      expect(Math.abs(value - expected[i]!) / largest).toBeLessThan(1e-4);
  },
);

test('other eyes take the place of those before, and the encoder sees as it did', async () => {
  const engine = await open('relaxed', eyesBytes(eyes.facts));
  const { scores } = await engine.see(goldenPicture());
  const first = await engine.show(goldenPicture(), sourceOf(eyes));
  const { gain } = eyes.tensors;
  const other = { ...eyes, tensors: { ...eyes.tensors, gain: gain.map((value) => 2 * value) } };
  const [twice, again] = await Promise.all([
    engine.show(goldenPicture(), sourceOf(other, 'other')),
    engine.show(goldenPicture(), sourceOf(eyes)),
  ]);
  for (const [i, value] of twice.entries()) expect(value).toBeCloseTo(2 * first[i]!, 4);
  expect(again).toEqual(first);
  expect((await engine.see(goldenPicture())).scores).toEqual(scores);
});

test('eyes without room, and those of another encoder, are refused', async () => {
  const cramped = await open('relaxed', 64);
  await expect(cramped.show(goldenPicture(), sourceOf(eyes))).rejects.toMatchObject({
    code: 'E_MEMORY_BUDGET',
  });
  const engine = await open('relaxed', eyesBytes(eyes.facts));
  const narrow = { ...eyes, tensors: { ...eyes.tensors, nFeature: 8 } };
  await expect(engine.show(goldenPicture(), sourceOf(narrow, 'narrow'))).rejects.toMatchObject({
    code: 'E_ADAPTER_BASE',
  });
});

test('a file gives back what was written, and a damaged one is refused by its tensor', async () => {
  const { facts, bytes, tensors } = eyes;
  expect(await decodeEyes('eyes', bytes, facts)).toEqual(tensors);
  await expect(decodeEyes('eyes', bytes, { ...facts, nHidden: 16 })).rejects.toMatchObject({
    code: 'E_TENSOR_SHAPE',
    message: expect.stringContaining('hidden') as string,
  });
  const config = new TextEncoder().encode(JSON.stringify(facts));
  const { base } = await readSeeing(await importSeeing(root, 'q8'));
  expect((await readEyes(config, bytes, base)).tensors).toEqual(tensors);
  const wide = { ...base, config: { ...base.config, nEmbd: 64 } };
  await expect(readEyes(config, bytes, wide)).rejects.toMatchObject({ code: 'E_ADAPTER_BASE' });
  const odd = new TextEncoder().encode(JSON.stringify({ ...facts, grid: 0 }));
  await expect(readEyes(odd, bytes, base)).rejects.toMatchObject({ code: 'E_FORMAT_INVALID' });
  const broken = bytes.slice();
  // The last value is the gain's.
  broken.set([0, 0, 0xc0, 0x7f], broken.length - 4);
  await expect(decodeEyes('eyes', broken, facts)).rejects.toThrow(/gain has values that are not/);
});
