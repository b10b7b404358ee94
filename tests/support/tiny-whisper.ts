/** A tiny Whisper with random weights, as the folders that CTranslate2 and Hugging Face write. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { archTensors } from '../../engine/archs/index.ts';
import type { TensorInstance } from '../../engine/archs/index.ts';
import type { Naming } from '../../engine/archs/types.ts';
import { WHISPER } from '../../engine/archs/recognition/whisper.ts';
import type { SourceDtype } from '../../engine/formats/source-dtypes.ts';
import type { RecognitionConfig } from '../../engine/manifest/recognition-config.ts';
import { writeCtranslate2 } from './ctranslate2-writer.ts';
import type { WrittenVariable } from './ctranslate2-writer.ts';
import { encodeFloats, randomBlocks } from './random-blocks.ts';
import { seededRandom } from './random.ts';
import { writeSafetensors } from './safetensors-writer.ts';
import { writeWhisperGgml } from './whisper-ggml-writer.ts';

const N_BYTE = 256;
const SPECIAL = [
  ...(['<|endoftext|>', '<|startoftranscript|>', '<|en|>', '<|de|>', '<|translate|>'] as const),
  ...(['<|transcribe|>', '<|startoflm|>', '<|startofprev|>', '<|nospeech|>'] as const),
  '<|notimestamps|>',
] as const;
const idOf = (content: (typeof SPECIAL)[number]): number => N_BYTE + SPECIAL.indexOf(content);
const N_TIMESTAMP = 1501;

export const TINY_WHISPER: RecognitionConfig = {
  nMels: 16,
  nAudioCtx: 1500,
  minAudioCtx: 750,
  nTextCtx: 64,
  nEmbd: 32,
  nHead: 2,
  nFf: 64,
  nAudioLayer: 2,
  nTextLayer: 2,
  nVocab: N_BYTE + SPECIAL.length + N_TIMESTAMP,
  normEps: 1e-5,
  isMultilingual: false,
  tokens: {
    startOfTranscript: idOf('<|startoftranscript|>'),
    endOfText: idOf('<|endoftext|>'),
    translate: idOf('<|translate|>'),
    transcribe: idOf('<|transcribe|>'),
    startOfPrevious: idOf('<|startofprev|>'),
    noSpeech: idOf('<|nospeech|>'),
    noTimestamps: idOf('<|notimestamps|>'),
    timestampBegin: idOf('<|notimestamps|>') + 1,
    languages: [],
  },
  suppress: [1, 2, 7],
  suppressFirst: [32, idOf('<|endoftext|>')],
  alignmentHeads: [
    [0, 1],
    [1, 0],
  ],
};

interface Valued {
  readonly instance: TensorInstance;
  readonly values: Float32Array;
}

function randomWeights(seed: number): Valued[] {
  const instances = archTensors(WHISPER, TINY_WHISPER);
  // HF files have no biases of keys: in the other they are zero.
  return instances.map((instance, i) => {
    const [nRow, nCol] = instance.shape;
    const random = seededRandom(seed * 1000 + i);
    const { role, name } = instance.spec;
    const spread = role === 'bias' ? 0.2 : role === 'positions' ? 0.5 : 1.7 / Math.sqrt(nCol);
    const value = (): number => {
      if (/k(Bias)$/i.test(name)) return 0;
      const x = random() + random() + random() + random() - 2;
      return role === 'norm' ? 1 + 0.2 * x : x * spread * 2;
    };
    return { instance, values: Float32Array.from({ length: nRow * nCol }, value) };
  });
}

/** The file's tensors: parts joined, neighbours of convolutions last. */
function fileTensors(weights: readonly Valued[], naming: Naming): WrittenVariable[] {
  const byName = Map.groupBy(weights, ({ instance }) => instance.places[naming]!.name);
  return [...byName].flatMap(([name, parts]): WrittenVariable[] => {
    const sorted = [...parts].sort(
      (a, b) => a.instance.places[naming]!.from - b.instance.places[naming]!.from,
    );
    const { shape, places, spec } = sorted[0]!.instance;
    if (naming !== 'ct2' && /k(Bias)$/i.test(spec.name)) return [];
    const { of, taps } = places[naming]!;
    const values = new Float32Array(sorted.reduce((sum, part) => sum + part.values.length, 0));
    let at = 0;
    for (const part of sorted) {
      values.set(tapsLast(part.values, shape[1], taps), at);
      at += part.values.length;
    }
    const dims = shape[0] === 1 ? [of] : [of, shape[1]];
    return [{ name, values, dims: taps > 1 ? [of, shape[1] / taps, taps] : dims }];
  });
}

function tapsLast(values: Float32Array, nCol: number, taps: number): Float32Array {
  const nIn = nCol / taps;
  return values.map((_, i) => {
    const [row, inner] = [Math.floor(i / nCol), i % nCol];
    return values[row * nCol + (inner % taps) * nIn + Math.floor(inner / taps)]!;
  });
}

/** Every byte a token (GPT-2's byte characters), and Whisper's signs. */
function tokenizerJson(): string {
  const isPlain = (b: number): boolean =>
    (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  const characters = Array.from({ length: N_BYTE }, (_, b) =>
    String.fromCodePoint(isPlain(b) ? b : next++),
  );
  const vocab = Object.fromEntries(characters.map((character, id) => [character, id]));
  const level = { add_prefix_space: false, trim_offsets: true, use_regex: true };
  return JSON.stringify({
    version: '1.0',
    added_tokens: SPECIAL.map((content) => ({
      ...{ id: idOf(content), content, single_word: false, lstrip: false, rstrip: false },
      ...{ normalized: false, special: true },
    })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', ...level },
    post_processor: null,
    decoder: { type: 'ByteLevel', ...level },
    model: { type: 'BPE', unk_token: null, vocab, merges: [] },
  });
}

async function writeAll(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [name, data] of Object.entries(files)) await writeFile(join(folder, name), data);
  return folder;
}

/** @param cuts where model.bin is cut in parts */
export async function writeTinyCtranslate2(
  folder: string,
  { seed = 1, cuts = [] as readonly number[] } = {},
): Promise<string> {
  const c = TINY_WHISPER;
  const model = writeCtranslate2(
    fileTensors(randomWeights(seed), 'ct2'),
    { 'decoder/num_heads': c.nHead, 'encoder/num_heads': c.nHead, 'decoder/activation': 3 },
    { 'decoder/projection/weight': 'decoder/embeddings/weight' },
  );
  const ends = [...cuts, model.length];
  const parts = ends.map((end, i) => [
    cuts.length === 0 ? 'model.bin' : `model.bin.part${i + 1}`,
    model.slice(ends[i - 1] ?? 0, end),
  ]);
  return await writeAll(folder, {
    ...(Object.fromEntries(parts) as Record<string, Uint8Array>),
    'tokenizer.json': tokenizerJson(),
    'config.json': JSON.stringify({
      suppress_ids: c.suppress,
      suppress_ids_begin: c.suppressFirst,
      alignment_heads: c.alignmentHeads,
    }),
  });
}

/** As whisper.cpp's converter writes it; matrices of `dtype`, the rest F32. */
export function tinyWhisperGgml({
  seed = 1,
  dtype = 'F32',
}: { readonly seed?: number; readonly dtype?: SourceDtype } = {}): Uint8Array {
  const c = TINY_WHISPER;
  const tensors = fileTensors(randomWeights(seed), 'ggml').map(({ name, dims, values }, i) => {
    const isMatrix = dims.length === 2 && !/positional/.test(name) && dtype !== 'F32';
    const data = isMatrix
      ? randomBlocks(dtype, values.length, spreadOf(values), seed * 100 + i)
      : encodeFloats('F32', values);
    return { name, dims, dtype: isMatrix ? dtype : ('F32' as const), data };
  });
  return writeWhisperGgml({
    sizes: [
      ...[c.nVocab, c.nAudioCtx, c.nEmbd, c.nHead, c.nAudioLayer],
      ...[c.nTextCtx, c.nEmbd, c.nHead, c.nTextLayer, c.nMels],
    ],
    tokens: Array.from({ length: N_BYTE }, (_, b) => Uint8Array.of(b)),
    tensors,
  });
}

function spreadOf(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
}

export async function writeTinyHf(folder: string, { seed = 1 } = {}): Promise<string> {
  const c = TINY_WHISPER;
  const tensors = fileTensors(randomWeights(seed), 'hf').map(({ name, dims, values }) => ({
    name,
    dtype: 'F32',
    shape: dims,
    data: new Uint8Array(values.buffer),
  }));
  return await writeAll(folder, {
    'model.safetensors': writeSafetensors(tensors),
    'tokenizer.json': tokenizerJson(),
    'config.json': JSON.stringify({
      model_type: 'whisper',
      activation_function: 'gelu',
      num_mel_bins: c.nMels,
      max_source_positions: c.nAudioCtx,
      max_target_positions: c.nTextCtx,
      d_model: c.nEmbd,
      encoder_attention_heads: c.nHead,
      decoder_attention_heads: c.nHead,
      encoder_ffn_dim: c.nFf,
      decoder_ffn_dim: c.nFf,
      encoder_layers: c.nAudioLayer,
      decoder_layers: c.nTextLayer,
      vocab_size: c.nVocab,
    }),
    'generation_config.json': JSON.stringify({
      suppress_tokens: c.suppress,
      begin_suppress_tokens: c.suppressFirst,
      alignment_heads: c.alignmentHeads,
    }),
  });
}
