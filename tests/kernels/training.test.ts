/** Kernels of training by themselves, in both builds, against plain references. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { divergenceReference } from '../../engine/kernels/reference/training.ts';
import { KERNEL_STATIC_BYTES } from '../../engine/kernels/wasm/module.ts';
import { instantiateTraining } from '../../engine/kernels/wasm/training-module.ts';
import { distDir } from '../../scripts/lib/paths.ts';
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';
import { compileWasmOrNull } from '../../scripts/node-host/compile-wasm.ts';

const N_PAGE = 16;

async function openKernels(build: string) {
  const module = await compileWasmOrNull(join(distDir, 'kernels', `${build}.wasm`));
  const memory = new WebAssembly.Memory({ initial: N_PAGE, maximum: N_PAGE, shared: true });
  return { kernels: await instantiateTraining(module!, memory), memory };
}

test.each([
  ['training', 131],
  ['training', 4],
  ['training-simd', 131],
])('%s: divergences of %i logits and their slopes', async (build, n) => {
  const { kernels, memory } = await openKernels(build);
  const [nRow, k] = [5, 3];
  const random = new SeededRandom(n);
  const logits = Float32Array.from({ length: nRow * n }, () => (random.next() - 0.5) * 20);
  // The last share of a row is none, and stands where the first does.
  const ids = Uint32Array.from({ length: nRow * k }, (_, i) =>
    i % k === 2 ? 0 : i % k === 0 ? 0 : 1 + random.integer(0, n - 2),
  );
  const shares = Float32Array.from({ length: nRow * k }, (_, i) => [0.75, 0.25, 0][i % k]!);
  const weights = Float32Array.of(1, 2, 0, 0.5, -1.5);
  const at = KERNEL_STATIC_BYTES;
  const [idsAt, sharesAt] = [at + logits.byteLength, at + logits.byteLength + ids.byteLength];
  const weightsAt = sharesAt + shares.byteLength;
  const lossesAt = weightsAt + weights.byteLength;
  const floats = new Float32Array(memory.buffer);
  floats.set(logits, at / 4);
  new Uint32Array(memory.buffer).set(ids, idsAt / 4);
  floats.set(shares, sharesAt / 4);
  floats.set(weights, weightsAt / 4);
  kernels.divergence(at, idsAt, sharesAt, k, weightsAt, lossesAt, n, nRow);
  const matrix = { nRow, nCol: n, values: Float64Array.from(logits) };
  const expected = divergenceReference(matrix, ids, shares, weights);
  for (const [i, loss] of expected.losses.entries())
    expect(Math.abs(floats[lossesAt / 4 + i]! - loss)).toBeLessThan(1e-5 * (1 + Math.abs(loss)));
  for (const [i, slope] of expected.slopes.entries())
    expect(Math.abs(floats[at / 4 + i]! - slope)).toBeLessThan(2e-6);
  expect(expected.losses[2]).toBe(0);
});
