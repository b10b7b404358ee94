/** A row a family of embedding models: the tiny random model it is verified with (tests/parity/embedders.test.ts). */
import { familyByName } from '../../engine/archs/index.ts';
import type { EncoderConfig } from '../../engine/manifest/manifest.ts';
import { GGUF_POOLING, TINY_CONFIG, wordPieceMetadata } from './encoders.ts';
import { writeGguf } from './gguf-writer.ts';
import type { WrittenValue } from './gguf-writer.ts';
import { bytesOf, fileTensors, randomTensors } from './random-model.ts';
import { TINY_PIECES, tinyGgufMetadata } from './tiny-llama.ts';
import type { TinyTensor } from './tiny-llama.ts';
import { UNIGRAM_NAMES, unigramModel, xlmRobertaMetadata } from './unigram-vocabulary.ts';

export interface EmbedderFixture {
  readonly family: string;
  readonly variant?: string;
  /** `general.architecture` of its files. */
  readonly ggufName: string;
  readonly vocabulary: 'word-piece' | 'sentence-piece' | 'xlm-roberta';
  readonly config: EncoderConfig;
  /** With the biases, and a reranker's product with tanh, that a model of the family may have or not. */
  readonly withBiases?: boolean;
  /** Keys of the GGUF beside those of the family's rows. */
  readonly gguf?: Readonly<Record<string, WrittenValue>>;
  /** Each of these keys of the GGUF must show in our vectors. */
  readonly bites: readonly Readonly<Record<string, WrittenValue>>[];
}

const u32 = (value: number) => ['u32', value] as const;
const f32 = (value: number) => ['f32', value] as const;

const NOMIC: EncoderConfig = { ...TINY_CONFIG, nEmbd: 48, nHead: 3, nCtx: 128, maxTokens: 128 };

const SENTENCES: EncoderConfig = {
  ...TINY_CONFIG,
  nLayer: 7,
  nEmbd: 64,
  nHead: 4,
  nKvHead: 2,
  headDim: 32,
  nFf: 96,
  nVocab: TINY_PIECES.length,
  nCtx: 128,
  maxTokens: 128,
  nTokenType: 0,
  normEps: 1e-6,
};

const GEMMA: EmbedderFixture = {
  family: 'gemma-embedding',
  ggufName: 'gemma-embedding',
  vocabulary: 'sentence-piece',
  config: { ...SENTENCES, ropeTheta: 1_000_000 },
  gguf: {
    'gemma-embedding.attention.sliding_window': u32(48),
    'tokenizer.ggml.add_eos_token': ['bool', true],
  },
  bites: [
    { 'gemma-embedding.attention.sliding_window': u32(40) },
    { 'gemma-embedding.rope.freq_base': f32(900) },
    { 'gemma-embedding.pooling_type': u32(2) },
  ],
};

export const EMBEDDER_FIXTURES: readonly EmbedderFixture[] = [
  {
    family: 'nomic-bert',
    ggufName: 'nomic-bert',
    vocabulary: 'word-piece',
    config: { ...NOMIC, ropeTheta: 1000 },
    bites: [
      { 'nomic-bert.rope.freq_base': f32(100) },
      { 'nomic-bert.attention.layer_norm_epsilon': f32(0.05) },
    ],
  },
  GEMMA,
  {
    ...GEMMA,
    variant: 'with products after pooling',
    config: { ...GEMMA.config, nDense: 100 },
    gguf: {
      ...GEMMA.gguf,
      'gemma-embedding.dense_2_feat_in': u32(64),
      'gemma-embedding.dense_2_feat_out': u32(100),
      'gemma-embedding.dense_3_feat_in': u32(100),
      'gemma-embedding.dense_3_feat_out': u32(64),
    },
    bites: [],
  },
  {
    family: 'qwen3-embedding',
    ggufName: 'qwen3',
    vocabulary: 'sentence-piece',
    config: { ...SENTENCES, nLayer: 3, pooling: 'last', ropeTheta: 10_000 },
    gguf: { 'tokenizer.ggml.add_eos_token': ['bool', true] },
    bites: [{ 'qwen3.rope.freq_base': f32(8000) }, { 'qwen3.pooling_type': u32(1) }],
  },
];

const XLM_ROBERTA = xlmRobertaMetadata(unigramModel(UNIGRAM_NAMES[0]!));
const XLM_ROBERTA_TOKENS = XLM_ROBERTA['tokenizer.ggml.tokens']![1] as readonly string[];

const TEMPLATE = '<s>{query} ? {document}</s>';

/** Rerankers: a score for each of a few classes. */
export const RERANKER_FIXTURES: readonly EmbedderFixture[] = [
  {
    family: 'bert',
    ggufName: 'bert',
    vocabulary: 'word-piece',
    config: { ...TINY_CONFIG, nCtx: 128, maxTokens: 128, pooling: 'rank', nClass: 1 },
    withBiases: true,
    bites: [{ 'bert.attention.layer_norm_epsilon': f32(0.1) }],
  },
  {
    family: 'qwen3-embedding',
    ggufName: 'qwen3',
    vocabulary: 'sentence-piece',
    config: { ...SENTENCES, nLayer: 3, pooling: 'rank', nClass: 2, ropeTheta: 10_000 },
    gguf: {
      'tokenizer.ggml.add_eos_token': ['bool', true],
      'qwen3.classifier.output_labels': ['strings', ['yes', 'no']],
      'tokenizer.chat_template.rerank': ['string', TEMPLATE],
    },
    bites: [{ 'qwen3.rope.freq_base': f32(3000) }],
  },
  {
    family: 'bert',
    variant: "with XLM-R's vocabulary",
    ggufName: 'bert',
    vocabulary: 'xlm-roberta',
    config: {
      ...TINY_CONFIG,
      nVocab: XLM_ROBERTA_TOKENS.length,
      nTokenType: 1,
      nCtx: 128,
      maxTokens: 128,
      pooling: 'rank',
      nClass: 1,
    },
    withBiases: true,
    bites: [{ 'bert.attention.layer_norm_epsilon': f32(0.1) }],
  },
];

/** By vocabulary: the first id that is a piece of text, and the ids that begin and end a text. */
const MARKS = {
  'word-piece': [5, 2, 3],
  'sentence-piece': [3, 1, 2],
  'xlm-roberta': [4, 0, 2],
} as const;

/** Texts as ids that begin and end as those of the vocabulary do, some longer than the windows. */
export function textsOf({ vocabulary, config }: EmbedderFixture): number[][] {
  const [first, begin, end] = MARKS[vocabulary];
  return [1, 7, 30, 90].map((length) => {
    const inner = Array.from(
      { length },
      (_, i) => first + ((i * i * 31 + i * 7 + length) % (config.nVocab - first)),
    );
    return [begin, ...inner, end];
  });
}

export function tensorsOfEmbedder(fixture: EmbedderFixture): TinyTensor[] {
  const { tensors } = familyByName('encoder', fixture.family);
  const isWhole = fixture.withBiases === true;
  // No file has vectors of tokens: they come from the project's own.
  const inFiles = tensors.filter(({ name }) => !name.startsWith('late'));
  const rows = inFiles.map((row) => (isWhole ? { ...row, required: true } : row));
  return randomTensors({ tensors: rows }, fixture.config);
}

/** @param changes of keys, beside the fixture's */
export function embedderGguf(
  fixture: EmbedderFixture,
  tensors: readonly TinyTensor[] = tensorsOfEmbedder(fixture),
  changes: Readonly<Record<string, WrittenValue>> = {},
): Uint8Array {
  return writeGguf({
    metadata: { ...metadataOf(fixture), ...fixture.gguf, ...changes },
    tensors: fileTensors(tensors, 'gguf').map(({ name, dims, values }) => ({
      ...{ name, dims, dtype: 'F32' as const, data: bytesOf(values) },
    })),
  });
}

const VOCABULARIES = {
  'word-piece': wordPieceMetadata,
  'sentence-piece': () =>
    Object.fromEntries(
      Object.entries(tinyGgufMetadata()).filter(([key]) => /^tokenizer\./.test(key)),
    ),
  'xlm-roberta': () => XLM_ROBERTA,
} satisfies Record<EmbedderFixture['vocabulary'], () => Record<string, WrittenValue>>;

function metadataOf(fixture: EmbedderFixture): Record<string, WrittenValue> {
  const { ggufName: arch, config: c, family, vocabulary } = fixture;
  const { ggufKeys = {} } = familyByName('encoder', family);
  const isRms = ggufKeys.normEps !== undefined;
  const optional: [string, WrittenValue | undefined][] = [
    ['attention.head_count_kv', c.nKvHead === undefined ? undefined : u32(c.nKvHead)],
    ['attention.key_length', c.headDim === undefined ? undefined : u32(c.headDim)],
    ['attention.value_length', c.headDim === undefined ? undefined : u32(c.headDim)],
    ['rope.freq_base', c.ropeTheta === undefined ? undefined : f32(c.ropeTheta)],
  ];
  return {
    'general.architecture': ['string', arch],
    'general.name': ['string', 'tiny'],
    [`${arch}.block_count`]: u32(c.nLayer),
    [`${arch}.context_length`]: u32(c.nCtx),
    [`${arch}.embedding_length`]: u32(c.nEmbd),
    [`${arch}.feed_forward_length`]: u32(c.nFf),
    [`${arch}.attention.head_count`]: u32(c.nHead),
    [`${arch}.attention.layer_norm_${isRms ? 'rms_' : ''}epsilon`]: f32(c.normEps),
    [`${arch}.pooling_type`]: u32(GGUF_POOLING[c.pooling]),
    ...Object.fromEntries(
      optional.flatMap(([key, value]) => (value === undefined ? [] : [[`${arch}.${key}`, value]])),
    ),
    ...VOCABULARIES[vocabulary](),
    ...(c.nTokenType > 0 ? { 'tokenizer.ggml.token_type_count': u32(c.nTokenType) } : {}),
  };
}
