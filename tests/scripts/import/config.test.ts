import { describe, expect, test } from 'vitest';
import { LLAMA } from '../../../engine/archs/decoders/llama.ts';
import type { GgufValue } from '../../../engine/formats/gguf.ts';
import type { JsonObject } from '../../../engine/formats/json.ts';
import { configFromGguf } from '../../../scripts/import/open/gguf-config.ts';
import { configFromHf, switchedTensors } from '../../../scripts/import/open/hf-config.ts';
import { chatTemplateOf, tokenizerFromHf } from '../../../scripts/import/open/hf-tokenizer.ts';

const GGUF_KEYS: Readonly<Record<string, GgufValue>> = {
  'general.architecture': 'llama',
  'llama.block_count': 2,
  'llama.context_length': 4096,
  'llama.embedding_length': 64,
  'llama.feed_forward_length': 96,
  'llama.attention.head_count': 4,
  'llama.attention.layer_norm_rms_epsilon': 1e-6,
  'llama.vocab_size': 100,
};
function gguf(
  keys: Readonly<Record<string, GgufValue>>,
  ropeFactors: readonly number[] | null = null,
) {
  const all = new Map(Object.entries({ ...GGUF_KEYS, ...keys }));
  return configFromGguf('test.gguf', all, LLAMA, { hasHead: false, ropeFactors });
}
const code = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
};

describe('configFromGguf', () => {
  test('takes defaults where the file says nothing', () => {
    expect(gguf({})).toEqual({
      nLayer: 2,
      nEmbd: 64,
      nHead: 4,
      nKvHead: 4,
      headDim: 16,
      nFf: 96,
      nVocab: 100,
      nCtx: 4096,
      normEps: 1e-6,
      ropeTheta: 10000,
      ropePairing: 'adjacent',
      ropeDim: 16,
      ropeScaling: { kind: 'none' },
      tiedHead: true,
    });
  });
  test('counts tokens when no size is given, and takes one number a layer when all are equal', () => {
    const { 'llama.vocab_size': _, ...keys } = GGUF_KEYS;
    const all = new Map<string, GgufValue>(Object.entries(keys));
    all.set('tokenizer.ggml.tokens', ['a', 'b', 'c']);
    all.set('llama.feed_forward_length', [80, 80]);
    const config = configFromGguf('test', all, LLAMA, { hasHead: true, ropeFactors: null });
    expect(config).toMatchObject({ nVocab: 3, nFf: 80, tiedHead: false });
    expect(code(() => gguf({ 'llama.feed_forward_length': [80, 96] }))).toBe('E_FORMAT_INVALID');
  });
  test('a sliding window in every layer, unless it is as wide as the context', () => {
    expect(gguf({ 'llama.attention.sliding_window': 1024 }).windows).toEqual([1024, 1024]);
    expect(gguf({ 'llama.attention.sliding_window': 4096 }).windows).toBeUndefined();
  });

  const prefix = 'llama.rope.scaling';
  test.each([
    [{ [`${prefix}.type`]: 'none', [`${prefix}.factor`]: 4 }, { kind: 'none' }],
    [
      { [`${prefix}.type`]: 'linear', [`${prefix}.factor`]: 4 },
      { kind: 'linear', factor: 4 },
    ],
    [{ 'llama.rope.scale_linear': 2 }, { kind: 'linear', factor: 2 }],
    [
      {
        [`${prefix}.type`]: 'yarn',
        [`${prefix}.factor`]: 8,
        [`${prefix}.original_context_length`]: 2048,
      },
      {
        kind: 'yarn',
        factor: 8,
        originalCtx: 2048,
        betaFast: 32,
        betaSlow: 1,
        // 0.1 ln 8 + 1
        attnFactor: expect.closeTo(1.2079441541679836, 12) as number,
      },
    ],
  ])('scaling %j', (keys, want) => {
    expect(gguf(keys).ropeScaling).toEqual(want);
  });
  test('rope_freqs.weight', () => {
    const factors = [1, 1, 1, 2, 4, 8, 8, 8];
    expect(gguf({}, factors).ropeScaling).toEqual({ kind: 'factors', factors });
    expect(code(() => gguf({}, [1, 2]))).toBe('E_FORMAT_INVALID');
    expect(code(() => gguf({}, [1, 1, 1, 2, 4, 8, 8, 0]))).toBe('E_FORMAT_INVALID');
    const linear = { [`${prefix}.type`]: 'linear', [`${prefix}.factor`]: 4 };
    expect(code(() => gguf(linear, factors))).toBe('E_FORMAT_INVALID');
  });
  test.each([
    ['llama.attention.head_count', 0],
    ['llama.attention.head_count', 3],
    ['llama.attention.head_count', NaN],
    ['llama.attention.head_count_kv', 3],
    ['llama.attention.value_length', 8],
    ['llama.embedding_length', 2n ** 60n],
    ['llama.embedding_length', -64],
    ['llama.embedding_length', 'many'],
    ['llama.rope.dimension_count', 15],
    ['llama.rope.dimension_count', 32],
    ['llama.rope.freq_base', 0],
    ['llama.expert_count', 4],
    ['llama.rope.scaling.type', 7],
  ])('%s of %s is refused', (key, value) => {
    expect(code(() => gguf({ [key]: value }))).toBe('E_FORMAT_INVALID');
  });
  test('an unknown scaling is refused', () => {
    const keys = { [`${prefix}.type`]: 'longrope', [`${prefix}.factor`]: 4 };
    expect(code(() => gguf(keys))).toBe('E_FORMAT_INVALID');
  });
});

const HF: JsonObject = {
  model_type: 'llama',
  num_hidden_layers: 2,
  hidden_size: 64,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 96,
  vocab_size: 100,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
};
const hf = (fields: JsonObject) => configFromHf('config.json', { ...HF, ...fields }, LLAMA);

describe('configFromHf', () => {
  test('takes defaults where the file says nothing', () => {
    expect(hf({ head_dim: null, rope_scaling: null, sliding_window: null })).toEqual({
      nLayer: 2,
      nEmbd: 64,
      nHead: 4,
      nKvHead: 2,
      headDim: 16,
      nFf: 96,
      nVocab: 100,
      nCtx: 4096,
      normEps: 1e-5,
      ropeTheta: 10000,
      ropePairing: 'half',
      ropeDim: 16,
      ropeScaling: { kind: 'none' },
      tiedHead: false,
    });
  });
  test.each([
    [{ rope_scaling: { type: 'linear', factor: 2 } }, { kind: 'linear', factor: 2 }],
    [
      {
        rope_scaling: {
          rope_type: 'llama3',
          factor: 32,
          low_freq_factor: 1,
          high_freq_factor: 4,
          original_max_position_embeddings: 8192,
        },
      },
      { kind: 'llama3', factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalCtx: 8192 },
    ],
    [
      { rope_scaling: { rope_type: 'yarn', factor: 4, attention_factor: 1.5, beta_fast: 16 } },
      { kind: 'yarn', factor: 4, originalCtx: 4096, betaFast: 16, betaSlow: 1, attnFactor: 1.5 },
    ],
    [{ rope_scaling: { rope_type: 'default' } }, { kind: 'none' }],
    [{ rope_parameters: { rope_type: 'linear', factor: 3 } }, { kind: 'linear', factor: 3 }],
  ])('scaling %j', (fields, want) => {
    expect(hf(fields).ropeScaling).toEqual(want);
  });
  test('newer files keep theta among rope_parameters; head_dim need not divide the width', () => {
    expect(hf({ rope_parameters: { rope_type: 'default', rope_theta: 500000 } }).ropeTheta).toBe(
      500000,
    );
    expect(hf({ head_dim: 32 })).toMatchObject({ headDim: 32, ropeDim: 32 });
  });
  test.each([
    [{ hidden_act: 'gelu' }],
    [{ hidden_size: '64' }],
    [{ hidden_size: 1e12 }],
    [{ num_hidden_layers: 0.5 }],
    [{ num_key_value_heads: 3 }],
    [{ rope_scaling: { rope_type: 'dynamic', factor: 2 } }],
    [{ rope_scaling: { rope_type: 'llama3', factor: 2 } }],
    [{ vocab_size: null }],
  ])('%j is refused', (fields: JsonObject) => {
    expect(code(() => hf(fields))).toBe('E_FORMAT_INVALID');
  });
  test('biases', () => {
    expect(switchedTensors({ attention_bias: true }, LLAMA)).toEqual([
      'qBias',
      'kBias',
      'vBias',
      'oBias',
    ]);
    expect(switchedTensors({ mlp_bias: true }, LLAMA)).toEqual(['gateBias', 'upBias', 'downBias']);
    expect(switchedTensors(HF, LLAMA)).toEqual([]);
  });
});

describe('tokenizerFromHf', () => {
  const tokenizer: JsonObject = {
    model: { vocab: { a: 0, b: 1, '<end>': 2 } },
    added_tokens: [
      { id: 3, content: '<bos>', special: true },
      { id: 4, content: '<|im_end|>', special: true },
      { id: 5, content: '</s>', special: false },
    ],
  };
  const facts = (more: Readonly<Record<string, JsonObject>>) => {
    const { addBos, bosId, eosIds } = tokenizerFromHf({
      text: '{}',
      tokenizer,
      tokenizerConfig: {},
      config: {},
      generationConfig: {},
      ...more,
    });
    return { addBos, bosId, eosIds };
  };

  test('gathers what ends a generation from every file', () => {
    const more = {
      generationConfig: { eos_token_id: [1, 4] },
      config: { eos_token_id: 0 },
      tokenizerConfig: { eos_token: { content: '<end>' } },
    };
    // 4 ends a turn whatever the files say; 5 reads like an end but is no special token.
    expect(facts(more).eosIds).toEqual([0, 1, 2, 4]);
    expect(facts({}).eosIds).toEqual([4]);
  });
  test('a text begins with BOS when the files say so', () => {
    expect(facts({ tokenizerConfig: { bos_token: '<bos>' } })).toMatchObject({
      addBos: false,
      bosId: 3,
    });
    expect(facts({ tokenizerConfig: { bos_token: '<bos>', add_bos_token: true } }).addBos).toBe(
      true,
    );
    const single = [
      { SpecialToken: { id: '<bos>', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
    ];
    const post = { ...tokenizer, post_processor: { type: 'TemplateProcessing', single } };
    expect(facts({ tokenizer: post, config: { bos_token_id: 3 } })).toMatchObject({
      addBos: true,
      bosId: 3,
    });
    expect(facts({ tokenizerConfig: { add_bos_token: true } })).toMatchObject({
      addBos: false,
      bosId: null,
    });
  });
  test('a file without a vocabulary is refused', () => {
    expect(code(() => facts({ tokenizer: {} }))).toBe('E_TOKENIZER_INVALID');
  });
  test('odd fields are passed over', () => {
    const odd = { eos_token_id: ['x', -1, 1.5, null, { content: '__proto__' }, 'toString'] };
    expect(facts({ generationConfig: odd }).eosIds).toEqual([4]);
  });
});

test('chatTemplateOf takes a string, or the default of several', () => {
  expect(chatTemplateOf({ chat_template: 'T' })).toBe('T');
  const several = [
    { name: 'tool_use', template: 'U' },
    { name: 'default', template: 'D' },
  ];
  expect(chatTemplateOf({ chat_template: several })).toBe('D');
  expect(chatTemplateOf({ chat_template: several.slice(0, 1) })).toBe('U');
  expect(chatTemplateOf({})).toBeNull();
  expect(chatTemplateOf({ chat_template: 7 })).toBeNull();
});
