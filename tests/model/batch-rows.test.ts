/** The logits of a text, bit by bit, whatever else is in its passes and however it is cut. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decoderFrom, temporaryFolder } from '../support/models.ts';
import { randomConfig, randomGguf, randomLlama, randomTokens } from '../support/random-llama.ts';
import { seededRandom } from '../support/random.ts';
import { TextReader } from '../support/text-reader.ts';

const N_TEXT = 9;
/** One page of cache and a few of the next. */
const TEXT_TOKENS = 40;
const TEXTS = Array.from({ length: N_TEXT }, (_, i) => randomTokens(TEXT_TOKENS, i + 1));

const WEIGHTS = [
  { weights: 'f32', preset: 'lossless', dtype: 'F32' },
  { weights: 'f16', preset: 'lossless', dtype: 'F16' },
  { weights: 'bf16', preset: 'lossless', dtype: 'BF16' },
  { weights: 'q8', preset: 'q8', dtype: 'F16' },
  { weights: 'q6', preset: 'q6', dtype: 'F16' },
  { weights: 'q6b', preset: 'q6b', dtype: 'F16' },
  { weights: 'q5', preset: 'q5', dtype: 'F16' },
  { weights: 'q4m', preset: 'q4m', dtype: 'F16' },
  { weights: 'q4', preset: 'q4', dtype: 'F16' },
] as const;
const CASES = WEIGHTS.flatMap((row) =>
  (['relaxed', 'simd'] as const).flatMap((kernelBuild) =>
    (['q8', 'f16'] as const).map((kvDtype) => ({ ...row, kernelBuild, kvDtype })),
  ),
);

async function loaded({ preset, dtype, kernelBuild, kvDtype }: (typeof CASES)[number]) {
  // Large enough that presets do not leave it as it is, and with room for all texts.
  const config = randomConfig({ nCtx: 1024, nVocab: 264 });
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'tiny.gguf');
  await writeFile(file, randomGguf(config, randomLlama(config), { dtype }));
  return await decoderFrom(file, preset, { kernelBuild, kvDtype });
}

describe.each(CASES)('$weights weights, $kvDtype cache, $kernelBuild build', (row) => {
  it('gives every text the logits it has alone', async () => {
    const { decoder, manifest } = await loaded(row);
    const matrices = manifest.tensors.filter(({ shape }) => shape[0] > 1);
    expect(matrices.map(({ dtype }) => dtype)).toContain(row.weights);
    expect(decoder.plan.kv.dtype).toBe(row.kvDtype);
    const alone = new TextReader(decoder, TEXTS);
    for (const text of TEXTS.keys())
      while (alone.left(text) > 0) alone.pass(TEXTS.map((_, i) => (i === text ? 1 : 0)));
    expect(new Set(alone.seen.flat()).size).toBe(N_TEXT * TEXT_TOKENS);

    const together = new TextReader(decoder, TEXTS);
    const random = seededRandom(7);
    const sizes = new Set<number>();
    while (TEXTS.some((_, text) => together.left(text) > 0)) {
      // 2 to 9 rows, some of them of one text: drafts and prompts.
      const counts = TEXTS.map(() => 0);
      for (let n = 2 + Math.floor(random() * 8); n > 0; n--) {
        const text = Math.floor(random() * N_TEXT);
        if (together.left(text) > counts[text]!) counts[text]!++;
      }
      const size = counts.reduce((sum, n) => sum + n, 0);
      if (size === 0) continue;
      sizes.add(size);
      together.pass(counts);
    }
    for (const size of [2, 3, 4, 5, 6, 7, 8, 9]) expect(sizes).toContain(size);
    for (const text of TEXTS.keys())
      expect(together.seen[text]!.map((logits, i) => logits === alone.seen[text]![i])).toEqual(
        TEXTS[text]!.map(() => true),
      );
  });
});
