/** A llama of a few thousand seeded weights with awkward sizes, in any of the formats we import. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { archTensors } from '../../engine/archs/index.ts';
import type { TensorInstance } from '../../engine/archs/index.ts';
import { LLAMA } from '../../engine/archs/decoders/llama.ts';
import type { ModelConfig } from '../../engine/manifest/manifest.ts';
import { WireWriter } from '../../engine/onnx/wire.ts';
import { tokenizerJsonFromPieces } from '../../engine/text/tokenizer-json.ts';
import { ByteWriter } from './byte-writer.ts';
import { writeGguf } from './gguf-writer.ts';
import type { WrittenTensor, WrittenValue } from './gguf-writer.ts';
import { randomValues } from './random.ts';
import { writeSafetensors } from './safetensors-writer.ts';

const BYTE_PIECES = Array.from(
  { length: 256 },
  (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`,
);
export const TINY_PIECES = ['<unk>', '<s>', '</s>', ...BYTE_PIECES, ' ', 'a', 'b', 'ab', ' a'];
const TINY_SCORES = TINY_PIECES.map((_, i) => -i);

/** Widths that are no multiples of 8 or 32, an odd ffn, more heads than key/value heads. */
export const TINY_CONFIG: ModelConfig = {
  nLayer: 3,
  nEmbd: 40,
  nHead: 4,
  nKvHead: 2,
  headDim: 10,
  nFf: 33,
  nVocab: TINY_PIECES.length,
  nCtx: 64,
  normEps: 1e-5,
  ropeTheta: 10000,
  ropePairing: 'adjacent',
  ropeDim: 10,
  ropeScaling: { kind: 'none' },
  tiedHead: false,
};

export interface TinyTensor {
  readonly instance: TensorInstance;
  readonly values: Float32Array;
}

/** By name, so that a tensor keeps its values whatever else a config has. */
function seedOf(name: string): number {
  return [...name].reduce((seed, char) => (seed * 31 + char.charCodeAt(0)) >>> 0, 7);
}

/** Every required tensor of the config, with values of its own. */
export function tinyTensors(config: ModelConfig = TINY_CONFIG): TinyTensor[] {
  return archTensors(LLAMA, config)
    .filter(({ required }) => required)
    .map((instance) => ({
      instance,
      values: randomValues(instance.shape[0] * instance.shape[1], seedOf(instance.name), 0.3),
    }));
}

function asBytes(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
function dimsOf({ shape }: TensorInstance): number[] {
  return shape[0] === 1 ? [shape[1]] : [...shape];
}

export function tinyGgufMetadata(c: ModelConfig = TINY_CONFIG): Record<string, WrittenValue> {
  const piecesOfSpm = TINY_PIECES.map((piece) => piece.replaceAll(' ', '\u2581'));
  return {
    'general.architecture': ['string', 'llama'],
    'general.name': ['string', 'tiny'],
    'general.license': ['string', 'mit'],
    'llama.block_count': ['u32', c.nLayer],
    'llama.context_length': ['u32', c.nCtx],
    'llama.embedding_length': ['u32', c.nEmbd],
    'llama.feed_forward_length': ['u32', c.nFf],
    'llama.attention.head_count': ['u32', c.nHead],
    'llama.attention.head_count_kv': ['u32', c.nKvHead],
    'llama.attention.layer_norm_rms_epsilon': ['f32', c.normEps],
    'llama.rope.freq_base': ['f32', c.ropeTheta],
    'tokenizer.ggml.model': ['string', 'llama'],
    'tokenizer.ggml.tokens': ['strings', piecesOfSpm],
    'tokenizer.ggml.scores': ['array', 'f32', TINY_SCORES],
    'tokenizer.ggml.token_type': [
      'array',
      'i32',
      TINY_PIECES.map((_, i) => (i === 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1)),
    ],
    'tokenizer.ggml.bos_token_id': ['u32', 1],
    'tokenizer.ggml.eos_token_id': ['u32', 2],
  };
}

export function tinyGgufTensors(tensors: readonly TinyTensor[] = tinyTensors()): WrittenTensor[] {
  return tensors.map(({ instance, values }) => ({
    name: instance.places.gguf!.name,
    dims: dimsOf(instance),
    dtype: 'F32',
    data: asBytes(values),
  }));
}

export function tinyGguf(
  metadata: Readonly<Record<string, WrittenValue>> = {},
  tensors: readonly WrittenTensor[] = tinyGgufTensors(),
): Uint8Array {
  return writeGguf({ metadata: { ...tinyGgufMetadata(), ...metadata }, tensors });
}

export function tinyHfConfig(c: ModelConfig = TINY_CONFIG): Record<string, unknown> {
  return {
    model_type: 'llama',
    hidden_act: 'silu',
    num_hidden_layers: c.nLayer,
    hidden_size: c.nEmbd,
    num_attention_heads: c.nHead,
    num_key_value_heads: c.nKvHead,
    intermediate_size: c.nFf,
    vocab_size: c.nVocab,
    max_position_embeddings: c.nCtx,
    rms_norm_eps: c.normEps,
    rope_theta: c.ropeTheta,
    tie_word_embeddings: c.tiedHead,
    eos_token_id: 2,
  };
}

/** The tiny vocabulary as a Hugging Face folder has it. */
export function tinyTokenizerFiles(): Record<string, string> {
  return {
    'tokenizer.json': tokenizerJsonFromPieces({ pieces: TINY_PIECES, scores: TINY_SCORES }).json,
    'tokenizer_config.json': JSON.stringify({
      bos_token: '<s>',
      eos_token: '</s>',
      add_bos_token: true,
    }),
  };
}

/** A Hugging Face folder; with `parts` above 1 as several files and their index. */
export async function writeTinyFolder(
  folder: string,
  {
    config = {},
    tensors = tinyTensors(),
    parts = 1,
    files = {},
  }: {
    config?: Record<string, unknown>;
    tensors?: readonly TinyTensor[];
    parts?: number;
    files?: Readonly<Record<string, string>>;
  } = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const weightMap: Record<string, string> = {};
  for (let part = 0; part < parts; part++) {
    const name = parts === 1 ? 'model.safetensors' : `model-${part + 1}-of-${parts}.safetensors`;
    const mine = tensors.filter((_, i) => i % parts === part);
    for (const { instance } of mine) weightMap[instance.places.hf!.name] = name;
    const entries = mine.map(({ instance, values }) => ({
      name: instance.places.hf!.name,
      dtype: 'F32',
      shape: dimsOf(instance),
      data: asBytes(values),
    }));
    await writeFile(join(folder, name), writeSafetensors(entries));
  }
  const all: Record<string, string> = {
    'config.json': JSON.stringify({ ...tinyHfConfig(), ...config }),
    ...tinyTokenizerFiles(),
    ...(parts > 1
      ? { 'model.safetensors.index.json': JSON.stringify({ weight_map: weightMap }) }
      : {}),
    ...files,
  };
  for (const [name, text] of Object.entries(all)) await writeFile(join(folder, name), text);
}

/** A llama2.c file of version 0 or 1. */
export function tinyLlama2c(
  version: 0 | 1,
  tensors: readonly TinyTensor[],
  c: ModelConfig,
): Uint8Array {
  const sizes = [c.nEmbd, c.nFf, c.nLayer, c.nHead, c.nKvHead];
  const byName = new Map(tensors.map(({ instance, values }) => [instance.name, values]));
  const out = new ByteWriter();
  const put = (...names: string[]) => {
    for (const name of names) out.floats(byName.get(name) ?? new Float32Array(0));
  };
  const layers = (name: string) => {
    for (let i = 0; i < c.nLayer; i++) put(`layers.${i}.${name}`);
  };
  if (version === 0) {
    for (const size of [...sizes, c.tiedHead ? c.nVocab : -c.nVocab, c.nCtx]) out.i32(size);
    put('tokEmbd');
    for (const name of ['attnNorm', 'qProj', 'kProj', 'vProj', 'oProj', 'ffnNorm']) layers(name);
    for (const name of ['gateProj', 'downProj', 'upProj']) layers(name);
    put('outputNorm');
    out.floats(new Float32Array(c.nCtx * c.headDim).fill(NaN));
  } else {
    out.u32(0x616b3432).i32(1);
    for (const size of [...sizes, c.nVocab, c.nCtx]) out.i32(size);
    out.raw(Uint8Array.of(c.tiedHead ? 1 : 0)).align(256);
    for (const name of ['attnNorm', 'ffnNorm']) layers(name);
    put('outputNorm', 'tokEmbd');
    for (const name of ['qProj', 'kProj', 'vProj', 'oProj', 'gateProj', 'downProj', 'upProj'])
      layers(name);
  }
  if (!c.tiedHead) put('head');
  return out.done();
}

export function tinyLlama2cVocab(): Uint8Array {
  const out = new ByteWriter().u32(16);
  for (const [i, piece] of TINY_PIECES.entries()) {
    const bytes = new TextEncoder().encode(piece);
    out.f32(-i).i32(bytes.byteLength).raw(bytes);
  }
  return out.done();
}

/** The tiny vocabulary as SentencePiece's tokenizer.model. */
export function tinySentencePiece(pieces: readonly string[] = TINY_PIECES): Uint8Array {
  const BPE = 2;
  const model = new WireWriter();
  for (const [i, piece] of pieces.entries())
    model.message(
      1,
      new WireWriter()
        .text(1, piece.replaceAll(' ', '\u2581'))
        .float(2, -i)
        .int(3, i === 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1),
    );
  model.message(2, new WireWriter().int(3, BPE).int(35, 1));
  return model.message(3, new WireWriter().int(3, 1).int(4, 0)).done();
}
