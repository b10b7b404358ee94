/** EfficientNet-Lite imported from PyTorch's file: scores as PyTorch gives them. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ImageEngine } from '../../engine/encode/image-engine.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { loadKernelModules } from '../../scripts/node-host/kernels.ts';
import { FileModelSource } from '../../scripts/node-host/model-files.ts';
import { importedFrom } from '../support/models.ts';
import { goldenPicture, goldenScores, SIDE, worstError } from '../support/vision.ts';

const TINY = join(repoRoot, 'tests/golden/tiny-efficientnet.pth');

async function engineFrom(preset: string, kernelBuild: 'relaxed' | 'simd'): Promise<ImageEngine> {
  const { folder, manifest } = await importedFrom(TINY, preset, 'vision');
  const source = new FileModelSource(folder, manifest);
  return await ImageEngine.load(source, await loadKernelModules(), { kernelBuild });
}

test.each(['relaxed', 'simd'] as const)('a tiny model without loss, %s build', async (build) => {
  const engine = await engineFrom('lossless', build);
  const { scores, features } = await engine.see(goldenPicture());
  expect(scores.length).toBe(10);
  expect(features.length).toBe(1280);
  expect(worstError(scores, goldenScores.tiny)).toBeLessThan(2e-5);
});

test('in eight bits, the same for the same picture, whatever came before', async () => {
  const engine = await engineFrom('q8', 'relaxed');
  const first = await engine.see(goldenPicture());
  expect(worstError(first.scores, goldenScores.tiny)).toBeLessThan(0.02);
  await engine.see(new Uint8Array(SIDE * SIDE * 3).fill(255));
  const [again, beside] = await Promise.all([
    engine.see(goldenPicture()),
    engine.see(new Uint8Array(SIDE * SIDE * 3)),
  ]);
  expect(again.scores).toEqual(first.scores);
  expect(beside.scores).not.toEqual(first.scores);
});

test('other sides are refused, and a picture whose caller leaves is left', async () => {
  const engine = await engineFrom('q8', 'relaxed');
  await expect(engine.see(new Uint8Array(3))).rejects.toMatchObject({
    code: 'E_REQUEST_INVALID',
    param: 'image',
  });
  const signal = AbortSignal.abort();
  await expect(engine.see(goldenPicture(), signal)).rejects.toMatchObject({ code: 'E_ABORTED' });
  expect((await engine.see(goldenPicture())).scores.length).toBe(10);
});

test('a model that does not fit its budget is refused with the numbers', async () => {
  const { folder, manifest } = await importedFrom(TINY, 'q8', 'vision');
  const loading = ImageEngine.load(
    new FileModelSource(folder, manifest),
    await loadKernelModules(),
    { memoryBudgetBytes: 4_000_000 },
  );
  await expect(loading).rejects.toMatchObject({ code: 'E_MEMORY_BUDGET' });
});
