/**
 * The same random model as GGUF (neighbouring values rotate together, rope factors as a tensor) and
 * as a Hugging Face folder (halves of a head rotate together, scalings by their parameters) must give
 * the same logits: only sums of floats in another order lie between them.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ModelConfig } from '../../engine/manifest/manifest.ts';
import type { WrittenValue } from '../support/gguf-writer.ts';
import { engineLogits, maxDifference } from '../support/logits.ts';
import type { LogitRows } from '../support/logits.ts';
import { engineFrom, temporaryFolder } from '../support/models.ts';
import { LLAMA } from '../../engine/archs/decoders/llama.ts';
import { inHfOrder } from '../support/random-model.ts';
import { randomConfig, randomGguf, randomLlama, randomTokens } from '../support/random-llama.ts';
import { tinyHfConfig, writeTinyFolder } from '../support/tiny-llama.ts';
import type { TinyTensor } from '../support/tiny-llama.ts';

/** Measured: up to 1.4e-3 (spread 2.5), from keys that round to the other neighbour in the f16 cache. */
const MAX_DIFFERENCE = 5e-3;
const TEXT = randomTokens(80);

interface Twin {
  readonly name: string;
  readonly config?: Partial<ModelConfig>;
  readonly biases?: boolean;
  readonly gguf?: Record<string, WrittenValue>;
  readonly ropeFactors?: readonly number[];
  readonly hf?: Record<string, unknown>;
}

const yarn = {
  'llama.rope.scaling.type': ['string', 'yarn'],
  'llama.rope.scaling.factor': ['f32', 4],
  'llama.rope.scaling.original_context_length': ['u32', 32],
} as const;

const TWINS: readonly Twin[] = [
  { name: 'as many key/value heads as heads', config: { nKvHead: 4 } },
  { name: 'grouped heads, widths that are no multiples of 8', config: { nEmbd: 44, headDim: 10 } },
  { name: 'a tied head', config: { tiedHead: true } },
  { name: 'biases', biases: true, hf: { attention_bias: true, mlp_bias: true } },
  {
    name: 'linear scaling',
    gguf: {
      'llama.rope.scaling.type': ['string', 'linear'],
      'llama.rope.scaling.factor': ['f32', 4],
    },
    hf: { rope_scaling: { rope_type: 'linear', factor: 4 } },
  },
  {
    // Waves of 6.3, 19.9, 62.8, 199 ... positions of 64: kept, blended twice, divided by 8. Factors
    // as llama.cpp's converter writes them, 1 / ((1 - s) / 8 + s) with s = (64 / wave - 1) / (4 - 1).
    name: "Llama 3's scaling",
    ropeFactors: [1, 1.293975834596, 7.66738512601, 8, 8, 8, 8, 8],
    hf: {
      rope_scaling: {
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 64,
      },
    },
  },
  {
    name: 'YaRN',
    gguf: yarn,
    hf: {
      rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32 },
    },
  },
  {
    name: 'YaRN with its own betas and attention factor',
    gguf: {
      ...yarn,
      'llama.rope.scaling.yarn_beta_fast': ['f32', 8],
      'llama.rope.scaling.yarn_beta_slow': ['f32', 0.5],
      'llama.rope.scaling.attn_factor': ['f32', 1.25 / (1 + 0.1 * Math.log(4))],
    },
    hf: {
      rope_parameters: {
        rope_type: 'yarn',
        rope_theta: 10000,
        factor: 4,
        original_max_position_embeddings: 32,
        beta_fast: 8,
        beta_slow: 0.5,
        attention_factor: 1.25,
      },
    },
  },
];

it.each(TWINS)('$name', async ({ config = {}, biases = false, gguf, ropeFactors, hf = {} }) => {
  const c = randomConfig(config);
  const tensors = randomLlama(c, 1, biases);
  const written = randomGguf(c, tensors, {
    ...(gguf === undefined ? {} : { metadata: gguf }),
    ...(ropeFactors === undefined ? {} : { ropeFactors }),
  });
  const ours = await ggufLogits(written);
  expect(maxDifference(ours, await hfLogits(c, inHfOrder(LLAMA, c, tensors), hf))).toBeLessThan(
    MAX_DIFFERENCE,
  );
  // Rows left in GGUF's order are another model.
  expect(maxDifference(ours, await hfLogits(c, tensors, hf))).toBeGreaterThan(1);
});

async function ggufLogits(data: Uint8Array): Promise<LogitRows> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'tiny.gguf');
  await writeFile(file, data);
  return await engineLogits(await engineFrom(file, 'lossless'), TEXT);
}

async function hfLogits(
  c: ModelConfig,
  tensors: readonly TinyTensor[],
  extra: Record<string, unknown>,
): Promise<LogitRows> {
  await using folder = await temporaryFolder();
  const config = { ...tinyHfConfig(c), head_dim: c.headDim, ...extra };
  await writeTinyFolder(folder.path, { config, tensors });
  return await engineLogits(await engineFrom(folder.path, 'lossless'), TEXT);
}
