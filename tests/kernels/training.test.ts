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

test.each(['training', 'training-simd'])('%s: unit rows and their slopes', async (build) => {
  const { kernels, memory } = await openKernels(build);
  const [nRow, n, scale] = [3, 12, 4];
  const random = new SeededRandom(1);
  const x = Float32Array.from({ length: nRow * n }, (_, i) => (i < n ? 0 : random.next() - 0.5));
  const dy = Float32Array.from({ length: nRow * n }, () => random.next() - 0.5);
  const floats = new Float32Array(memory.buffer);
  const at = KERNEL_STATIC_BYTES;
  const [yAt, dyAt, dxAt] = [1, 2, 3].map((i) => at + i * x.byteLength) as [number, number, number];
  const inversesAt = dxAt + x.byteLength;
  floats.set(x, at / 4);
  floats.set(dy, dyAt / 4);
  kernels.unitRows(at, yAt, inversesAt, n, nRow, scale);
  kernels.unitRowsBack(dyAt, yAt, inversesAt, dxAt, n, nRow, scale);
  const read = (from: number) => floats.subarray(from / 4, from / 4 + nRow * n);
  // A row of zeros has no direction.
  expect([...read(yAt).subarray(0, n), ...read(dxAt).subarray(0, n)].map(Math.abs)).toEqual(
    Array.from({ length: 2 * n }, () => 0),
  );
  for (let r = 1; r < nRow; r++) {
    const row = (values: Float32Array) => Float64Array.from(values.subarray(r * n, (r + 1) * n));
    const unit = (values: Float64Array): Float64Array => {
      const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
      return values.map((value) => (scale * value) / length);
    };
    const [own, slopes] = [row(x), row(dy)];
    for (const [i, value] of unit(own).entries()) expect(row(read(yAt))[i]).toBeCloseTo(value, 5);
    for (let i = 0; i < n; i++) {
      const loss = (step: number): number =>
        unit(own.map((value, k) => (k === i ? value + step : value))).reduce(
          (sum, value, k) => sum + value * slopes[k]!,
          0,
        );
      const difference = (loss(1e-5) - loss(-1e-5)) / 2e-5;
      expect(row(read(dxAt))[i]).toBeCloseTo(difference, 4);
    }
  }
});
