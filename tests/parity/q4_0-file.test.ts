/** The Q4_0 file that the bench makes: read by our parser, run by llama.cpp, close to its source. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { memorySource } from '../../engine/formats/byte-source.ts';
import { readGguf } from '../../engine/formats/gguf.ts';
import { dequantize } from '../../engine/quant/dequantize.ts';
import { roundToQ40, writeQ40 } from '../../scripts/bench/workloads/q4_0-file.ts';
import { nativeLogits } from '../support/logits.ts';
import { temporaryFolder } from '../support/models.ts';
import { randomConfig, randomGguf, randomLlama, randomTokens } from '../support/random-llama.ts';
import { seededRandom } from '../support/random.ts';

test('keeps metadata and vectors, and rounds every matrix to Q4_0', async () => {
  await using folder = await temporaryFolder();
  const [from, to] = [join(folder.path, 'from.gguf'), join(folder.path, 'to.gguf')];
  const config = randomConfig();
  await writeFile(from, randomGguf(config, randomLlama(config)));
  await writeQ40(from, to);
  const [old, made] = await Promise.all(
    [from, to].map(async (path) => readGguf([memorySource(path, await readFile(path))])),
  );
  expect(made?.metadata).toEqual(old?.metadata);
  expect(made?.tensors.map(({ name, dims }) => ({ name, dims }))).toEqual(
    old?.tensors.map(({ name, dims }) => ({ name, dims })),
  );
  for (const [i, { name, dtype, source, offset, bytes }] of (made?.tensors ?? []).entries()) {
    expect([name, dtype]).toEqual([name, name.includes('norm') ? 'F32' : 'Q4_0']);
    const was = old!.tensors[i]!;
    const before = dequantize(was.dtype, await was.source.read(was.offset, was.bytes));
    const after = dequantize(dtype, await source.read(offset, bytes));
    expect(meanSquare(before, after)).toBeLessThan(0.02);
  }
  const logits = await nativeLogits(to, randomTokens(8));
  expect(logits.length).toBeGreaterThan(0);
});

test('a block: the value farthest from zero is exact, the others within half a step', () => {
  const random = seededRandom(5);
  const values = Float32Array.from({ length: 64 }, () => random() * 4 - 2);
  values[7] = -4;
  values.fill(0, 32);
  const made = dequantize('Q4_0', roundToQ40(values));
  expect(made[7]).toBe(-4);
  // A step is 4 / 8; the other end of the range is one step short.
  for (let i = 0; i < 32; i++) expect(Math.abs(made[i]! - values[i]!)).toBeLessThanOrEqual(0.2501);
  expect(made.subarray(32).every((value) => value === 0)).toBe(true);
});

/** Of the differences, as a share of the values'. */
function meanSquare(before: Float32Array, after: Float32Array): number {
  const sum = (value: (i: number) => number) =>
    before.reduce((total, _, i) => total + value(i) ** 2, 0);
  return sum((i) => before[i]! - after[i]!) / sum((i) => before[i]!);
}
