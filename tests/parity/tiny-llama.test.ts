/**
 * The engine against llama.cpp over small random models, one for each thing a llama can differ in,
 * teacher-forced over 80 positions: more than two pages of cache and more than one chunk of prompt.
 * Every bound is shown to bite: the same comparison with one detail wrong must exceed it.
 * @module-tag slow
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EngineOptions } from '../../engine/generate/engine.ts';
import type { ModelConfig } from '../../engine/manifest/manifest.ts';
import type { SourceDtype } from '../../engine/formats/source-dtypes.ts';
import type { WrittenValue } from '../support/gguf-writer.ts';
import { engineLogits, meanKl, nativeLogits, top1Disagreements } from '../support/logits.ts';
import type { LogitRows } from '../support/logits.ts';
import { engineFrom, temporaryFolder } from '../support/models.ts';
import {
  blockTwins,
  randomConfig,
  randomGguf,
  randomLlama,
  randomTokens,
  scaledTensor,
} from '../support/random-llama.ts';

/**
 * Measured: 1e-6 to 8e-6 nats with F32 weights, which is llama.cpp's attention: it rounds queries and
 * attention weights to half precision, we do not.
 */
const FLOAT_KL_NATS = 4e-5;
/** Logits of the two differ by up to this; a smaller lead may fall either way. */
const FLOAT_LEAD = 0.05;
/** Measured: 1.8e-4. llama.cpp rounds activations to BF16's 8 bits before BF16 products. */
const BF16_KL_NATS = 6e-4;
/**
 * Both engines round activations to int8 before block products, and neither is right. The judge is
 * llama.cpp on the same numbers written out as F32, where nothing is rounded: our distance from it
 * may be this many times the distance of llama.cpp's own block products. Measured: 0.5 to 1.2.
 */
const BLOCK_KL_RATIO = 1.5;
/** Measured: up to 7e-3. Keeps the ratio from passing when the reference itself is nonsense. */
const BLOCK_KL_NATS = 2e-2;

const TEXT = randomTokens(80);

async function ours(gguf: Uint8Array, options: EngineOptions = {}): Promise<LogitRows> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'tiny.gguf');
  await writeFile(file, gguf);
  return await engineLogits(await engineFrom(file, 'lossless', options), TEXT);
}
async function theirs(gguf: Uint8Array): Promise<LogitRows> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'tiny.gguf');
  await writeFile(file, gguf);
  return await nativeLogits(file, TEXT);
}

interface FloatCase {
  readonly name: string;
  readonly config?: Partial<ModelConfig>;
  readonly dtype?: 'F32' | 'F16' | 'BF16';
  readonly biases?: boolean;
  readonly metadata?: Record<string, WrittenValue>;
  readonly ropeFactors?: readonly number[];
  readonly bound?: number;
}

const scaling = (kind: string, more: Record<string, number> = {}) => ({
  'llama.rope.scaling.type': ['string', kind] as const,
  'llama.rope.scaling.factor': ['f32', 4] as const,
  'llama.rope.scaling.original_context_length': ['u32', 32] as const,
  ...Object.fromEntries(
    Object.entries(more).map(([key, x]) => [`llama.rope.scaling.${key}`, ['f32', x] as const]),
  ),
});

const SHAPES: readonly FloatCase[] = [
  { name: 'a key/value head for each query head', config: { nHead: 4, nKvHead: 4 } },
  { name: 'two query heads to a key/value head', config: { nHead: 4, nKvHead: 2 } },
  { name: 'one key/value head for six', config: { nHead: 6, nKvHead: 1, nEmbd: 96 } },
  { name: 'heads of 32', config: { nHead: 2, nKvHead: 1, headDim: 32 } },
  { name: 'heads of 64', config: { nHead: 2, nKvHead: 1, headDim: 64, nEmbd: 128 } },
  { name: 'heads of 128', config: { nHead: 2, nKvHead: 1, headDim: 128 } },
  { name: 'heads wider together than the model', config: { headDim: 32 } },
  { name: 'a tied head', config: { tiedHead: true } },
  { name: 'widths that are no multiples of 8', config: { nEmbd: 44, headDim: 10, nFf: 33 } },
  { name: 'another rotary base', config: { ropeTheta: 500_000 } },
  { name: 'F16 weights', dtype: 'F16' },
  { name: 'BF16 weights', dtype: 'BF16', bound: BF16_KL_NATS },
];
/** What llama.cpp also reads; the bite is to leave it out. */
const EXTRAS: readonly FloatCase[] = [
  { name: 'biases everywhere', biases: true },
  { name: 'linear rope scaling', metadata: scaling('linear') },
  {
    name: "linear scaling under its old key's name",
    metadata: { 'llama.rope.scale_linear': ['f32', 4] },
  },
  { name: "Llama 3's rope factors", ropeFactors: [1, 1, 1.5, 2, 4, 8, 8, 8] },
  { name: 'YaRN', metadata: scaling('yarn') },
  { name: 'YaRN with an attention factor', metadata: scaling('yarn', { attn_factor: 0.8 }) },
];

describe.each(SHAPES)('$name', ({ config = {}, dtype = 'F32', bound = FLOAT_KL_NATS }) => {
  it("gives llama.cpp's logits, and others when one matrix is a tenth too large", async () => {
    const c = randomConfig(config);
    const tensors = randomLlama(c);
    const right = randomGguf(c, tensors, { dtype });
    const wrong = randomGguf(c, scaledTensor(tensors, 'layers.1.oProj', 1.1), { dtype });
    await expectParity(right, wrong, bound);
  });
});

describe.each(EXTRAS)('$name', ({ config = {}, biases = false, ...options }) => {
  it("gives llama.cpp's logits, and others without it", async () => {
    const c = randomConfig(config);
    const right = randomGguf(c, randomLlama(c, 1, biases), options);
    await expectParity(right, randomGguf(c, randomLlama(c)), FLOAT_KL_NATS);
  });
});

async function expectParity(right: Uint8Array, wrong: Uint8Array, bound: number): Promise<void> {
  const reference = await theirs(right);
  const logits = await ours(right);
  expect(meanKl(reference, logits)).toBeLessThanOrEqual(bound);
  expect(top1Disagreements(reference, logits, FLOAT_LEAD)).toEqual([]);
  expect(meanKl(reference, await ours(wrong))).toBeGreaterThan(2 * bound);
}

const BLOCK_TYPES: readonly SourceDtype[] = [
  'Q8_0',
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'IQ4_NL',
  'Q2_K',
  'Q3_K',
  'Q4_K',
  'Q5_K',
  'Q6_K',
  'IQ1_S',
  'IQ1_M',
  'IQ2_XXS',
  'IQ2_XS',
  'IQ2_S',
  'IQ3_XXS',
  'IQ3_S',
  'IQ4_XS',
  'TQ1_0',
  'TQ2_0',
  'MXFP4',
  'Q1_0',
  'Q2_0',
];

const MIXES: readonly [string, (name: string) => SourceDtype][] = [
  ...BLOCK_TYPES.map((dtype) => [dtype, () => dtype] as [string, () => SourceDtype]),
  [
    'Q4_K and Q6_K mixed as in Q4_K_M',
    (name) => (/vProj|downProj|tokEmbd|head/.test(name) ? 'Q6_K' : 'Q4_K'),
  ],
  [
    'Blocks and floats mixed',
    (name) => (/vProj|downProj/.test(name) ? 'F32' : /upProj|tokEmbd/.test(name) ? 'F16' : 'Q8_0'),
  ],
];

describe.each(MIXES)('%s', (_, dtypeOf) => {
  it("comes as near to unrounded logits as llama.cpp's, unless a matrix is wrong", async () => {
    // Superblocks are 256 wide.
    const c = randomConfig({ nEmbd: 256, nFf: 512, nHead: 8, nKvHead: 4, headDim: 32 });
    const { blocks, floats } = blockTwins(c, dtypeOf);
    const exact = await theirs(floats);
    const bound = BLOCK_KL_RATIO * meanKl(exact, await theirs(blocks));
    expect(bound).toBeLessThanOrEqual(BLOCK_KL_NATS);
    for (const kernelBuild of ['relaxed', 'simd'] as const)
      expect(meanKl(exact, await ours(blocks, { kernelBuild }))).toBeLessThanOrEqual(bound);
    const wrong = blockTwins(c, dtypeOf, { name: 'layers.1.oProj', factor: 1.5 });
    expect(meanKl(exact, await ours(wrong.blocks))).toBeGreaterThan(bound);
  });
});
