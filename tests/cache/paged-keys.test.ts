/** Attention over pages of one sequence: one query of all heads, and many queries of one head. */
import { describe, expect, it } from 'vitest';
import { attendScratchBytes, kvGeometry, pagesFor } from '../../engine/cache/geometry.ts';
import type { KvDtype } from '../../engine/cache/geometry.ts';
import { PagedKeys } from '../../engine/model/encoder/paged-keys.ts';
import { Scratch } from '../support/kernels.ts';
import { randomValues } from '../support/random.ts';

const [nHead, nLayer] = [3, 2];

/** softmax(q k / sqrt(D)) v of one head, in float64. */
function attendPlainly(
  q: Float32Array,
  keys: readonly Float32Array[],
  values: readonly Float32Array[],
): number[] {
  const D = q.length;
  const scores = keys.map((k) => k.reduce((sum, x, d) => sum + x * q[d]!, 0) / Math.sqrt(D));
  const top = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - top));
  const sum = weights.reduce((a, b) => a + b, 0);
  return Array.from({ length: D }, (_, d) =>
    weights.reduce((total, weight, t) => total + (weight / sum) * values[t]![d]!, 0),
  );
}

for (const build of ['relaxed', 'simd'] as const) {
  describe(`pages of one sequence, ${build} build`, async () => {
    const scratch = await Scratch.create(build, 1 << 22);

    it.each<[KvDtype, number, number, number]>([
      ['q8', 64, 1, 1],
      ['q8', 64, 33, 7],
      ['q8', 64, 200, 64],
      ['q8', 20, 65, 5],
      ['f16', 64, 33, 7],
      ['f16', 20, 100, 66],
    ])('%s, heads of %i, %i positions, %i queries', (dtype, D, S, n) => {
      scratch.reset();
      const geometry = kvGeometry(dtype, { nLayer, nKvHead: nHead, headDim: D });
      const nPage = pagesFor(S);
      const width = nHead * D;
      const pages = new PagedKeys({
        kernels: scratch.kernels,
        memory: scratch.memory,
        geometry,
        nHead,
        headDim: D,
        nPage,
        pages: scratch.reserve(nPage * geometry.pageBytes),
        table: scratch.reserve(nPage * 4),
        scratch: scratch.reserve(attendScratchBytes(geometry, nHead)),
      });
      const keys = randomValues(S * width, 1).map((x) => Math.max(-3, Math.min(3, x)));
      const values = randomValues(S * width, 2);
      pages.fillTable();
      pages.length = S;
      // In two parts, to the second layer: what is next to it must not matter.
      const [k, v] = [scratch.putF32(keys), scratch.putF32(values)];
      const first = S >> 1;
      pages.write(0, 0, S, v, k, width);
      pages.write(1, 0, first, k, v, width);
      pages.write(1, first, S - first, k + first * width * 4, v + first * width * 4, width);

      const queries = randomValues(n * width, 3);
      const rowsOf = (all: Float32Array, head: number) =>
        Array.from({ length: S }, (_, t) =>
          all.subarray(t * width + head * D, t * width + head * D + D),
        );
      const room = scratch.reserve(attendScratchBytes(geometry, n));
      const out = scratch.reserve(n * width * 4);
      for (let head = 0; head < nHead; head++) {
        const own = Float32Array.from({ length: n * D }, (_, i) => {
          return queries[Math.floor(i / D) * width + head * D + (i % D)]!;
        });
        pages.attendTogether(1, head, scratch.putF32(own), out, n, room);
        const together = scratch.f32(out, n * D).slice();
        for (let i = 0; i < n; i++) {
          const want = attendPlainly(
            own.subarray(i * D, (i + 1) * D),
            rowsOf(keys, head),
            rowsOf(values, head),
          );
          const largest = Math.max(...values.map(Math.abs));
          const most = (dtype === 'q8' ? 0.02 : 0.002) * largest;
          want.forEach((x, d) => {
            expect(Math.abs(together[i * D + d]! - x), `query ${i}`).toBeLessThan(most);
          });
        }
        // One query of all heads gives the same, up to the order of sums.
        pages.attend(1, scratch.putF32(queries.slice(0, width)), out);
        const alone = scratch.f32(out, width).slice(head * D, (head + 1) * D);
        alone.forEach((x, d) => expect(Math.abs(x - together[d]!)).toBeLessThan(1e-3));

        const unpacked = pages.keysOf(1, head);
        rowsOf(keys, head).forEach((row, t) => {
          const largest = Math.max(...row.map(Math.abs));
          row.forEach((x, d) => {
            expect(Math.abs(unpacked[t * D + d]! - x)).toBeLessThanOrEqual(largest / 200);
          });
        });
      }
    });
  });
}
