/** A row a family: the tiny random model it is verified with (tests/parity/families.test.ts). */
import type { ModelConfig } from '../../engine/manifest/manifest.ts';
import type { WrittenValue } from './gguf-writer.ts';

export interface FamilyFixture {
  /** The architecture's name. */
  readonly family: string;
  /** What is special about this model of it, when there are several. */
  readonly variant?: string;
  /** Changes to the tiny config. */
  readonly config?: Partial<ModelConfig>;
  /** Of the weights. Tokens go to the likeliest experts: where two are all but equal, either is right. */
  readonly seed?: number;
  /** With the tensors that a model of the family may have or not. */
  readonly biases?: boolean;
  /** Keys and tensors of the GGUF beside those of the family's rows. */
  readonly gguf?: Readonly<Record<string, WrittenValue>>;
  readonly ggufTensors?: readonly { name: string; values: readonly number[] }[];
  /** Fields of config.json beside those of the family's rows. */
  readonly hf?: Readonly<Record<string, unknown>>;
  /** Each of these changes to the GGUF's config must show in the logits. */
  readonly bites?: readonly Partial<ModelConfig>[];
  /** Each of these changes to config.json must show in the logits: GGUF has no key for them. */
  readonly hfBites?: readonly Readonly<Record<string, unknown>>[];
}

const LONG_ROPE = {
  short: [1, 1.1, 1.2, 1.3, 1.5, 1.7, 2, 2.5],
  long: [1, 1.5, 2, 3, 4, 6, 8, 12],
};
/** @param attnFactor what transformers works out from the two lengths, and converters write */
const longRope = (originalCtx: number, attnFactor: number) => ({
  gguf: {
    'phi3.rope.scaling.attn_factor': ['f32', attnFactor],
    'phi3.rope.scaling.original_context_length': ['u32', originalCtx],
  } as const,
  ggufTensors: [
    { name: 'rope_factors_short.weight', values: LONG_ROPE.short },
    { name: 'rope_factors_long.weight', values: LONG_ROPE.long },
  ],
  hf: {
    original_max_position_embeddings: originalCtx,
    rope_scaling: {
      type: 'longrope',
      short_factor: LONG_ROPE.short,
      long_factor: LONG_ROPE.long,
    },
  },
});

/** No multiples of what kernels take at once; llama.cpp wants whole heads to rotate in some families. */
const ODD = { nEmbd: 44, headDim: 11, ropeDim: 10, nFf: 35 };
const EXPERTS = { nKvHead: 4, nExpert: 6, nExpertUsed: 2, nFf: 40 };
const CAPS = { windows: [24, 0, 24, 0], attentionSoftcap: 2, logitSoftcap: 6 };

export const FAMILY_FIXTURES: readonly FamilyFixture[] = [
  { family: 'llama' },
  { family: 'qwen2', config: { nEmbd: 40, headDim: 10, nFf: 33 } },
  { family: 'qwen3', config: { headDim: 32 } },
  {
    family: 'qwen3moe',
    config: { headDim: 32, nExpert: 6, nExpertUsed: 3, nFf: 40 },
    hf: { norm_topk_prob: true },
    bites: [{ nExpertUsed: 2 }],
  },
  {
    family: 'gemma2',
    config: {
      nLayer: 4,
      tiedHead: true,
      ...CAPS,
    },
    hf: { query_pre_attn_scalar: 16 },
    bites: [{ windows: [23, 0, 23, 0] }, { attentionSoftcap: 2.2 }, { logitSoftcap: 6.5 }],
  },
  {
    family: 'gemma2',
    variant: 'odd widths',
    config: { nLayer: 4, tiedHead: true, ...CAPS, ...ODD, headDim: 10 },
    hf: { query_pre_attn_scalar: 10 },
  },
  {
    family: 'gemma3',
    config: {
      nLayer: 7,
      tiedHead: true,
      ropeTheta: 1_000_000,
      localRopeTheta: 10000,
      windows: [24, 24, 24, 24, 24, 0, 24],
    },
    gguf: {
      'gemma3.rope.scaling.type': ['string', 'linear'],
      'gemma3.rope.scaling.factor': ['f32', 8],
    },
    hf: { rope_scaling: { rope_type: 'linear', factor: 8 }, query_pre_attn_scalar: 16 },
    bites: [{ windows: [23, 23, 23, 23, 23, 0, 23] }, { localRopeTheta: 9000 }],
  },
  { family: 'phi3' },
  { family: 'phi3', variant: 'odd widths', config: ODD },
  { family: 'phi3', variant: 'short rotary factors', ...longRope(512, 1) },
  { family: 'phi3', variant: 'long rotary factors', ...longRope(32, 1.1832159566199232) },
  { family: 'gpt2', config: { nKvHead: 4, nFf: 256, ropeDim: 0, tiedHead: true } },
  {
    family: 'gpt2',
    variant: 'odd widths',
    config: { nKvHead: 4, tiedHead: true, ...ODD, nFf: 176, ropeDim: 0 },
  },
  { family: 'olmo2' },
  {
    family: 'olmo2',
    variant: 'with windows (OLMo 3)',
    config: { nLayer: 4, windows: [24, 24, 24, 0], localRopeTheta: 10000 },
    hf: { model_type: 'olmo3' },
    bites: [{ windows: [23, 23, 23, 0] }],
  },
  { family: 'olmoe', config: EXPERTS },
  {
    family: 'olmoe',
    variant: 'odd widths',
    seed: 2,
    config: { ...EXPERTS, ...ODD, nEmbd: 40, headDim: 10, nFf: 35 },
  },
  {
    family: 'granite',
    config: { embeddingScale: 3, residualScale: 0.7, attentionScale: 0.3, logitDivisor: 1.5 },
    bites: [
      { embeddingScale: 3.5 },
      { residualScale: 0.75 },
      { attentionScale: 0.35 },
      { logitDivisor: 1.6 },
    ],
  },
  {
    family: 'smollm3',
    config: { nLayer: 4, unrotated: [false, false, false, true] },
    hf: { no_rope_layers: [1, 1, 1, 0] },
    hfBites: [{ no_rope_layers: [1, 1, 1, 1] }, { no_rope_layers: [1, 0, 1, 0] }],
  },
  { family: 'stablelm', config: { ropeDim: 4 }, biases: true },
  { family: 'stablelm', variant: 'odd widths', config: ODD },
  { family: 'starcoder2', config: { tiedHead: true } },
];
