/**
 * Tiny models that see, of seeded random weights, as Hugging Face folders: an Idefics 3 with SigLIP's tower and a LLaVA with
 * CLIP's. tests/golden/make-seeing.py asks transformers for their numbers (golden/seeing.json).
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode as encodePng } from 'fast-png';
import { LLAMA } from '../../engine/archs/decoders/llama.ts';
import { CLIP_VISION } from '../../engine/archs/towers/clip.ts';
import { SIGLIP } from '../../engine/archs/towers/siglip.ts';
import type { ModelConfig } from '../../engine/manifest/manifest.ts';
import type { TowerConfig } from '../../engine/manifest/tower-config.ts';
import { byteLevelJson } from '../../engine/text/pre-tokenizers.ts';
import { byteLevelAlphabet } from '../../engine/text/token-bytes.ts';
import type { Picture } from '../../engine/vision/picture.ts';
import { writeGguf } from './gguf-writer.ts';
import type { WrittenGguf, WrittenValue } from './gguf-writer.ts';
import { fileTensors, ggufMetadata, randomTensors } from './random-model.ts';
import { writeSafetensors } from './safetensors-writer.ts';
import type { TinyTensor } from './tiny-llama.ts';

const SIDE = 16;
const ALPHABET = byteLevelAlphabet();
const AROUND = '<fake_token_around_image>';
const TILES = [1, 2, 3, 4, 5, 6];
const SPECIAL = [
  ...['<|im_start|>', '<end_of_utterance>', '<image>', AROUND, '<global-img>'],
  ...TILES.flatMap((row) => TILES.map((column) => `<row_${row}_col_${column}>`)),
];
/** Two merges, so that the break after the last row of tiles is a token of its own. */
const MERGES = ['\u010a \u010a', 'a t'];
const PIECES = [...ALPHABET, ...MERGES.map((merge) => merge.replace(' ', ''))];
export const SEEING_EOS = PIECES.length + 1;
export const IMAGE_ID = PIECES.length + 2;

const TOWER: TowerConfig = {
  ...{ side: SIDE, patch: 4, mean: [127.5, 127.5, 127.5], deviation: [127.5, 127.5, 127.5] },
  ...{ nLayer: 2, nEmbd: 24, nHead: 2, nFf: 36, normEps: 1e-6, ffn: 'gelu-tanh', outputNorm: true },
  connector: { factor: 2, nOut: 40, keepsFirst: false },
  preparation: { kind: 'tiles', filter: 'lanczos', longestEdge: 2 * SIDE },
};
const TEXT: ModelConfig = {
  ...{ nLayer: 2, nEmbd: 40, nHead: 4, nKvHead: 2, headDim: 10, nFf: 33, nCtx: 256 },
  ...{ nVocab: PIECES.length + SPECIAL.length, normEps: 1e-5, ropeTheta: 10000 },
  ...{ ropePairing: 'half', ropeDim: 10, ropeScaling: { kind: 'none' }, tiedHead: false },
};
const CLIP: TowerConfig = {
  ...TOWER,
  ...{ nLayer: 3, ffn: 'gelu-quick', normEps: 1e-5, outputNorm: true },
  connector: { factor: 1, nHidden: TEXT.nEmbd, nOut: TEXT.nEmbd, keepsFirst: false },
  preparation: { kind: 'centre', filter: 'cubic', shortestEdge: 18 },
};

const SIGLIP_OF_LLAVA: TowerConfig = { ...CLIP, ffn: 'gelu-tanh', normEps: 1e-6 };

type Json = Readonly<Record<string, unknown>>;

export interface SeeingFolder {
  readonly config: Json;
  readonly processor: Json;
  readonly template: string;
  readonly tensors: readonly NamedTensor[];
}
interface NamedTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

/** What a tiny model's folder has, for tests that change it. */
export const SEEING: Readonly<
  Record<'idefics3' | 'llava' | 'padded' | 'siglip', () => SeeingFolder>
> = {
  idefics3: () => ({
    config: {
      ...{ model_type: 'idefics3', image_token_id: IMAGE_ID, scale_factor: 2 },
      ...{ tie_word_embeddings: false, text_config: textConfig() },
      vision_config: { model_type: 'idefics3_vision', ...visionConfig(TOWER) },
    },
    processor: {
      ...{ do_convert_rgb: true, do_resize: true, do_rescale: true, do_normalize: true },
      ...{ do_pad: true, do_image_splitting: true, resample: 1, rescale_factor: 1 / 255 },
      ...{ image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] },
      ...{ max_image_size: { longest_edge: SIDE }, size: { longest_edge: 2 * SIDE } },
      image_processor_type: 'Idefics3ImageProcessor',
    },
    template: PARTS_TEMPLATE,
    tensors: [
      ...renamed(randomTensors(SIGLIP, TOWER, 3), [
        ['connector.', 'model.connector.modality_projection.proj.'],
        ['', 'model.vision_model.'],
      ]),
      ...renamed(randomTensors(LLAMA, TEXT, 5), [
        ['lm_head.', 'lm_head.'],
        ['model.', 'model.text_model.'],
      ]),
    ],
  }),
  llava: () => ({
    config: {
      ...{ model_type: 'llava', image_token_index: IMAGE_ID, projector_hidden_act: 'gelu' },
      ...{ vision_feature_layer: -2, vision_feature_select_strategy: 'default' },
      ...{ image_seq_length: 16, text_config: textConfig() },
      vision_config: {
        ...{ model_type: 'clip_vision_model', ...visionConfig(CLIP) },
        ...{ hidden_act: 'quick_gelu', layer_norm_eps: 1e-5, projection_dim: 8 },
      },
    },
    processor: {
      ...{ do_convert_rgb: true, do_resize: true, do_rescale: true, do_normalize: true },
      ...{ do_center_crop: true, resample: 3, rescale_factor: 1 / 255 },
      ...{ image_mean: [0.48, 0.46, 0.41], image_std: [0.27, 0.26, 0.28] },
      ...{ crop_size: { height: SIDE, width: SIDE }, size: { shortest_edge: 18 } },
      image_processor_type: 'LlavaImageProcessor',
    },
    template: TEXT_TEMPLATE,
    tensors: [
      ...renamed(randomTensors(CLIP_VISION, CLIP, 7, true), [
        ['connector.', 'multi_modal_projector.'],
        ['', 'vision_tower.vision_model.'],
      ]),
      ...renamed(randomTensors(LLAMA, TEXT, 9), [['', 'language_model.']]),
    ],
  }),
  /** All rows of the tower, no biases in the connector, pictures made squares before they are made small. */
  padded: () => {
    const { config, processor, template, tensors } = SEEING.llava();
    return {
      config: {
        ...{ ...config, vision_feature_select_strategy: 'full', image_seq_length: 17 },
        ...{ multimodal_projector_bias: false, vision_feature_layer: 1 },
      },
      processor: { ...processor, do_pad: true },
      template,
      tensors: tensors.filter(({ name }) => !/^multi_modal_projector.*bias/.test(name)),
    };
  },
  /** SigLIP's tower in a LLaVA, which sees squares of other proportions. */
  siglip: () => {
    const { config, processor, template, tensors } = SEEING.llava();
    const vision = { model_type: 'siglip_vision_model', ...visionConfig(SIGLIP_OF_LLAVA) };
    return {
      config: {
        ...{ ...config, vision_feature_select_strategy: 'full' },
        vision_config: { ...vision, vision_use_head: false },
      },
      processor: {
        ...{ ...processor, do_center_crop: false, resample: 2 },
        size: { height: SIDE, width: SIDE },
      },
      template,
      tensors: [
        ...renamed(randomTensors(SIGLIP, SIGLIP_OF_LLAVA, 11, true), [
          ['connector.', 'multi_modal_projector.'],
          ['', 'vision_tower.vision_model.'],
        ]),
        ...tensors.filter(({ name }) => name.startsWith('language_model.')),
      ],
    };
  },
};
export type SeeingName = keyof typeof SEEING;

/** Goes through the parts of a message, as templates of models that see do. */
const PARTS_TEMPLATE =
  "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}" +
  "{% if message['content'][0]['type'] == 'image' %}:{% else %}: {% endif %}" +
  "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}" +
  "{% elif part['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n" +
  '{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}';
/** Knows contents of text alone: a picture stands where it stood in the message. */
const TEXT_TEMPLATE =
  "{% for message in messages %}{{ message['role'] | upper }}: {{ message['content'] }}" +
  '{{ eos_token if message.role == "assistant" else "\n" }}{% endfor %}' +
  '{% if add_generation_prompt %}ASSISTANT:{% endif %}';

function textConfig(): Json {
  const { nLayer, nEmbd, nHead, nKvHead, headDim, nFf, nVocab, nCtx, normEps } = TEXT;
  return {
    ...{ model_type: 'llama', num_hidden_layers: nLayer, hidden_size: nEmbd, head_dim: headDim },
    ...{ num_attention_heads: nHead, num_key_value_heads: nKvHead, intermediate_size: nFf },
    ...{ vocab_size: nVocab, max_position_embeddings: nCtx, rms_norm_eps: normEps },
    ...{ rope_theta: TEXT.ropeTheta, hidden_act: 'silu', tie_word_embeddings: false },
    ...{ bos_token_id: PIECES.length, eos_token_id: SEEING_EOS, pad_token_id: SEEING_EOS },
  };
}

function visionConfig({ side, patch, nLayer, nEmbd, nHead, nFf }: TowerConfig): Json {
  return {
    ...{ image_size: side, patch_size: patch, num_hidden_layers: nLayer, hidden_size: nEmbd },
    ...{ num_attention_heads: nHead, intermediate_size: nFf },
  };
}

function tokenizerJson(): string {
  const vocab = Object.fromEntries(PIECES.map((piece, id) => [piece, id]));
  const added = SPECIAL.map((content, i) => ({
    ...{ id: PIECES.length + i, content, special: true, normalized: false },
    ...{ single_word: false, lstrip: false, rstrip: false },
  }));
  return JSON.stringify({
    ...{ version: '1.0', truncation: null, padding: null, added_tokens: added, normalizer: null },
    ...{ pre_tokenizer: byteLevelJson(), post_processor: null, decoder: byteLevelJson() },
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null },
      ...{ end_of_word_suffix: null, fuse_unk: false, byte_fallback: false },
      ...{ ignore_merges: false, vocab, merges: MERGES },
    },
  });
}

function renamed(
  tensors: readonly TinyTensor[],
  prefixes: readonly (readonly [from: string, to: string])[],
): NamedTensor[] {
  return fileTensors(tensors, 'hf').map(({ name, dims, values }) => {
    const [from, to] = prefixes.find(([prefix]) => name.startsWith(prefix))!;
    return { name: to + name.slice(from.length), dims, values };
  });
}

export async function writeSeeing(folder: string, model: SeeingFolder): Promise<string> {
  await mkdir(folder, { recursive: true });
  const entries = model.tensors.map(({ name, dims, values }) => ({
    ...{ name, dtype: 'F32', shape: dims, data: new Uint8Array(values.buffer) },
  }));
  await writeFile(join(folder, 'model.safetensors'), writeSafetensors(entries));
  const files = {
    'config.json': JSON.stringify(model.config),
    'preprocessor_config.json': JSON.stringify(model.processor),
    'tokenizer.json': tokenizerJson(),
    'tokenizer_config.json': JSON.stringify({ eos_token: SPECIAL[1] }),
    'chat_template.json': JSON.stringify({ chat_template: model.template }),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

type SeeingGguf = Readonly<Record<'text' | 'mmproj', WrittenGguf>>;

/** The same towers and vocabularies as llama.cpp has them: a text model's file, and one of the tower beside it. */
export const SEEING_GGUF: Readonly<Record<'idefics3' | 'llava', () => SeeingGguf>> = {
  idefics3: () => ({
    text: textGguf(5),
    mmproj: mmproj(randomTensors(SIGLIP, TOWER, 3), TOWER, {
      'clip.projector_type': ['string', 'idefics3'],
      'clip.use_gelu': ['bool', true],
      'clip.vision.projector.scale_factor': ['u32', 2],
      'clip.vision.preproc_image_size': ['u32', 2 * SIDE],
    }),
  }),
  llava: () => ({
    text: textGguf(9),
    // The last layer is not in the file, and not counted.
    mmproj: mmproj(
      randomTensors(CLIP_VISION, CLIP, 7, true).filter(
        ({ instance }) => !/^(layers\.2\.|outputNorm)/.test(instance.name),
      ),
      { ...CLIP, nLayer: 2 },
      { 'clip.projector_type': ['string', 'mlp'], 'clip.use_gelu': ['bool', false] },
    ),
  }),
};

function textGguf(seed: number): WrittenGguf {
  const config: ModelConfig = { ...TEXT, ropePairing: 'adjacent' };
  const own = Object.entries(ggufMetadata(LLAMA, config)).filter(
    ([key]) => !/^tokenizer/.test(key),
  );
  const [NORMAL, CONTROL] = [1, 3];
  return {
    metadata: {
      ...Object.fromEntries(own),
      'tokenizer.ggml.model': ['string', 'gpt2'],
      'tokenizer.ggml.pre': ['string', 'gpt-2'],
      'tokenizer.ggml.tokens': ['strings', [...PIECES, ...SPECIAL]],
      'tokenizer.ggml.token_type': [
        ...(['array', 'i32'] as const),
        [...PIECES.map(() => NORMAL), ...SPECIAL.map(() => CONTROL)],
      ],
      'tokenizer.ggml.merges': ['strings', MERGES],
      'tokenizer.ggml.eos_token_id': ['u32', SEEING_EOS],
      'tokenizer.chat_template': ['string', PARTS_TEMPLATE],
    },
    tensors: ggufTensors(randomTensors(LLAMA, config, seed)),
  };
}

function mmproj(
  tensors: readonly TinyTensor[],
  c: TowerConfig,
  more: Readonly<Record<string, WrittenValue>>,
): WrittenGguf {
  const three = (values: readonly number[]) => ['array', 'f32', values] as const;
  return {
    metadata: {
      'general.architecture': ['string', 'clip'],
      'clip.has_vision_encoder': ['bool', true],
      'clip.vision.image_size': ['u32', c.side],
      'clip.vision.patch_size': ['u32', c.patch],
      'clip.vision.embedding_length': ['u32', c.nEmbd],
      'clip.vision.feed_forward_length': ['u32', c.nFf],
      'clip.vision.block_count': ['u32', c.nLayer],
      'clip.vision.attention.head_count': ['u32', c.nHead],
      'clip.vision.attention.layer_norm_epsilon': ['f32', c.normEps],
      'clip.vision.image_mean': three(c.mean.map((value) => value / 255)),
      'clip.vision.image_std': three(c.deviation.map((value) => value / 255)),
      ...more,
    },
    tensors: ggufTensors(tensors),
  };
}

function ggufTensors(tensors: readonly TinyTensor[]) {
  return fileTensors(tensors, 'gguf').map(({ name, dims, values }) => ({
    ...{ name, dims, dtype: 'F32' as const, data: new Uint8Array(values.buffer) },
  }));
}

/** Both files in a folder, as they are found together. */
export async function writeSeeingGguf(folder: string, files: SeeingGguf): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'tiny-f32.gguf'), writeGguf(files.text));
  await writeFile(join(folder, 'mmproj-tiny-f32.gguf'), writeGguf(files.mmproj));
  return folder;
}

/** The picture that make-seeing.py shows, too. */
export function seededPicture(width: number, height: number): Picture {
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++)
        rgb[(y * width + x) * 3 + c] = (x * 7 + y * 13 + c * 29 + ((x * y) % 31) * 5) & 255;
  return { width, height, rgb };
}

export function pngOf({ width, height, rgb }: Picture): Uint8Array {
  return encodePng({ width, height, channels: 3, depth: 8, data: rgb });
}
