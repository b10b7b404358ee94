/** Embedding models for tests: the real one's name, and a tiny random one. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { mkdir, writeFile } from 'node:fs/promises';
import { archTensors } from '../../engine/archs/index.ts';
import { BERT } from '../../engine/archs/encoders/bert.ts';
import type { EncoderConfig } from '../../engine/manifest/manifest.ts';
import { randomValues } from './random.ts';
import { writeGguf } from './gguf-writer.ts';
import type { WrittenValue } from './gguf-writer.ts';
import { writeSafetensors } from './safetensors-writer.ts';

export const MINILM_ID = 'all-minilm-l6-v2';
/** What support/run/imports.ts calls the tiny one. */
export const TINY_ENCODER_ID = 'tiny-encoder';

const WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const FLAGS = { single_word: false, lstrip: false, rstrip: false, normalized: false };
export const TINY_WORDS: readonly string[] = [
  ...['the', 'sea', 'is', 'blue', 'bread', 'warm', 'a', 'cat', 'sat', 'on', 'mat', 'rain'],
  ...'abcdefghijklmnopqrstuvwxyz'.split('').map((letter) => `##${letter}`),
  ...'bcdefghijklmnopqrstuvwxyz0123456789.,?!'.split(''),
];

export const TINY_CONFIG: EncoderConfig = {
  nLayer: 2,
  nEmbd: 40,
  nHead: 2,
  nFf: 72,
  nVocab: WORDS.length + TINY_WORDS.length,
  nCtx: 64,
  maxTokens: 48,
  nTokenType: 2,
  normEps: 1e-12,
  pooling: 'mean',
  normalize: true,
  queryPrefix: '',
  documentPrefix: '',
};

/** Writes a folder as sentence-transformers does. */
export async function writeTinyEncoder(
  folder: string,
  config: EncoderConfig = TINY_CONFIG,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const vocab = [...WORDS, ...TINY_WORDS];
  const files: Record<string, unknown> = {
    'config.json': {
      model_type: 'bert',
      hidden_act: 'gelu',
      num_hidden_layers: config.nLayer,
      hidden_size: config.nEmbd,
      num_attention_heads: config.nHead,
      intermediate_size: config.nFf,
      vocab_size: config.nVocab,
      max_position_embeddings: config.nCtx,
      type_vocab_size: config.nTokenType,
      layer_norm_eps: config.normEps,
      ...more,
    },
    'sentence_bert_config.json': { max_seq_length: config.maxTokens },
    '1_Pooling/config.json': {
      [`pooling_mode_${config.pooling === 'mean' ? 'mean_tokens' : 'cls_token'}`]: true,
    },
    'modules.json': [
      { type: 'sentence_transformers.models.Transformer' },
      { type: 'sentence_transformers.models.Pooling' },
      { type: 'sentence_transformers.models.Normalize' },
    ],
    'tokenizer.json': {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: WORDS.map((content, id) => ({ id, content, ...FLAGS, special: true })),
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase: true,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: null,
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: Object.fromEntries(vocab.map((word, id) => [word, id])),
      },
    },
  };
  await mkdir(join(folder, '1_Pooling'), { recursive: true });
  for (const [name, json] of Object.entries(files))
    await writeFile(join(folder, name), JSON.stringify(json));
  const tensors = tinyTensors(config).map(({ places, dims, data }) => ({
    ...{ name: places.hf!.name, dtype: 'F32', shape: dims, data },
  }));
  await writeFile(join(folder, 'model.safetensors'), writeSafetensors(tensors));
}

/** Classes of the tiny classifier. */
export const TINY_LABELS = ['sea', 'bread', 'cat'] as const;
export const TINY_CLASSIFIER: EncoderConfig = {
  ...TINY_CONFIG,
  pooling: 'rank',
  nClass: TINY_LABELS.length,
};

/** The tiny encoder as transformers' BertForSequenceClassification. @param more fields of config.json */
export async function writeTinyClassifier(
  folder: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await writeTinyEncoder(folder, TINY_CLASSIFIER, {
    architectures: ['BertForSequenceClassification'],
    id2label: Object.fromEntries(TINY_LABELS.map((label, id) => [id, label])),
    label2id: Object.fromEntries(TINY_LABELS.map((label, id) => [label, id])),
    ...more,
  });
}

/** Vectors of tokens of the tiny encoder, as scripts/train/late-interaction.py writes them: `late.safetensors` of a folder. */
export async function writeTinyLate(folder: string): Promise<void> {
  const { nEmbd } = TINY_CONFIG;
  const norm = tinyTensors(TINY_CONFIG).find(({ name }) => name === 'embdNorm')!;
  const row = (name: string, dims: readonly number[], seed: number) => {
    const values = randomValues(
      dims.reduce((product, n) => product * n, 1),
      seed,
      0.5,
    );
    return { name, dtype: 'F32', shape: dims, data: new Uint8Array(values.buffer) };
  };
  const file = writeSafetensors(
    [
      row('late.projection.weight', [TINY_LATE.width, nEmbd], 101),
      row('late.importance.weight', [nEmbd], 102),
    ],
    {
      base: createHash('sha256').update(norm.data).digest('hex'),
      importance_offset: String(TINY_LATE.importanceOffset),
      text_share: String(TINY_LATE.textShare),
      scale: String(TINY_LATE.scale),
      offset: String(TINY_LATE.offset),
    },
  );
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'late.safetensors'), file);
}
export const TINY_LATE = {
  width: 16,
  importanceOffset: 0.25,
  textShare: 0.5,
  scale: 6,
  offset: -3,
} as const;

function tinyTensors(config: EncoderConfig) {
  const isClassifier = config.nClass !== undefined;
  const own = archTensors(BERT, config).filter(
    ({ name, required }) => required || (isClassifier && /^(cls|score)/.test(name)),
  );
  return own.map(({ name, places, shape: [nRow, nCol], spec }, i) => {
    const values = randomValues(nRow * nCol, i + 1, 0.2);
    // Norms about one, as trained ones are.
    const shifted = spec.role === 'norm' ? values.map((value) => value + 1) : values;
    const dims = nRow === 1 ? [nCol] : [nRow, nCol];
    return { name, places, dims, data: new Uint8Array(shifted.buffer) };
  });
}

/** llama_pooling_type and llama_token_type. */
export const GGUF_POOLING = { mean: 1, cls: 2, last: 3, rank: 4 } as const;
const [NORMAL, UNKNOWN, CONTROL] = [1, 2, 3];

/** The same model as llama.cpp's converter writes it. */
export function tinyEncoderGguf(config: EncoderConfig = TINY_CONFIG): Uint8Array {
  return writeGguf({
    metadata: {
      'general.architecture': ['string', 'bert'],
      'general.name': ['string', 'tiny'],
      'bert.block_count': u32(config.nLayer),
      'bert.context_length': u32(config.nCtx),
      'bert.embedding_length': u32(config.nEmbd),
      'bert.feed_forward_length': u32(config.nFf),
      'bert.attention.head_count': u32(config.nHead),
      'bert.attention.layer_norm_epsilon': ['f32', config.normEps],
      'bert.attention.causal': ['bool', false],
      'bert.pooling_type': u32(GGUF_POOLING[config.pooling]),
      'tokenizer.ggml.token_type_count': u32(config.nTokenType),
      ...wordPieceMetadata(),
    },
    tensors: tinyTensors(config).map(({ places, dims, data }) => ({
      ...{ name: places.gguf!.name, dtype: 'F32' as const, dims, data },
    })),
  });
}

const u32 = (value: number) => ['u32', value] as const;

/** The vocabulary of the tiny encoder, as GGUF has it. */
export function wordPieceMetadata(): Record<string, WrittenValue> {
  const types = [...WORDS, ...TINY_WORDS].map((word, id) => {
    if (word === '[UNK]') return UNKNOWN;
    return id < WORDS.length ? CONTROL : NORMAL;
  });
  // What begins a word is marked there, not what continues one.
  const pieces = TINY_WORDS.map((word) =>
    word.startsWith('##') ? word.slice(2) : `\u2581${word}`,
  );
  const id = (word: string) => u32(WORDS.indexOf(word));
  return {
    'tokenizer.ggml.model': ['string', 'bert'],
    'tokenizer.ggml.tokens': ['strings', [...WORDS, ...pieces]],
    'tokenizer.ggml.token_type': ['array', 'i32', types],
    'tokenizer.ggml.unknown_token_id': id('[UNK]'),
    'tokenizer.ggml.cls_token_id': id('[CLS]'),
    'tokenizer.ggml.seperator_token_id': id('[SEP]'),
    'tokenizer.ggml.padding_token_id': id('[PAD]'),
    'tokenizer.ggml.mask_token_id': id('[MASK]'),
  };
}
