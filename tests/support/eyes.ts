/** Small bases that can have eyes, the tiny encoder they see through, and pictures that a few words tell apart. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from 'fast-png';
import {
  encodeEyes,
  encoderHash,
  type Eyes,
  type SeeingAdapter,
} from '../../engine/adapters/eyes.ts';
import type { EyesFacts } from '../../engine/manifest/adapters.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { DecoderManifest, VisionManifest } from '../../engine/manifest/manifest.ts';
import type { EyesTensors } from '../../engine/model/vision/projector.ts';
import { f32ToF16 } from '../../engine/quant/half.ts';
import { importModel } from '../../scripts/import/import-model.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { readImported } from '../../scripts/push/push.ts';
import { SMALL_CONFIG, SMALL_TEMPLATE } from './adapter-training.ts';
import { writeGguf } from './gguf-writer.ts';
import { randomValues } from './random.ts';
import { TINY_PIECES, tinyGgufMetadata, tinyGgufTensors, tinyTensors } from './tiny-llama.ts';

export const TINY_ENCODER_FILE = join(repoRoot, 'tests/golden/tiny-efficientnet.pth');
export const TINY_ENCODER_ID = 'tiny-encoder';
export const SEEING_BASE_ID = 'small';
const NORMAL = 1;
const BYTE = 6;
const CONTROL = 3;

/**
 * A folder of models: a small base with two special tokens that its template does not write, and the tiny encoder.
 * @param preset of the base
 */
export async function importSeeing(root: string, preset: string): Promise<string> {
  const folder = await mkdtemp(join(root, 'seeing-'));
  const input = join(folder, 'small.gguf');
  const config = { ...SMALL_CONFIG, nVocab: TINY_PIECES.length };
  const types = TINY_PIECES.map((_, i) => {
    const isMarker = i >= TINY_PIECES.length - 2;
    return i === 0 ? 2 : i < 3 || isMarker ? CONTROL : i < 259 ? BYTE : NORMAL;
  });
  const metadata = {
    ...tinyGgufMetadata(config),
    'tokenizer.ggml.token_type': ['array', 'i32', types] as const,
  };
  await writeFile(input, writeGguf({ metadata, tensors: tinyGgufTensors(tinyTensors(config)) }));
  const modelsRoot = join(folder, 'models');
  await importModel({ input, id: SEEING_BASE_ID, preset, outRoot: modelsRoot });
  await importModel({
    ...{ input: TINY_ENCODER_FILE, id: TINY_ENCODER_ID, preset: 'q8', outRoot: modelsRoot },
  });
  const dir = join(modelsRoot, SEEING_BASE_ID);
  const { manifest } = await readImported(dir, SEEING_BASE_ID);
  const changed = { ...requireKind(manifest, 'decoder'), chatTemplate: SMALL_TEMPLATE };
  await writeFile(join(dir, 'manifest.json'), JSON.stringify(changed));
  return modelsRoot;
}

export async function readSeeing(modelsRoot: string): Promise<{
  readonly base: DecoderManifest;
  readonly encoder: VisionManifest;
}> {
  const read = async (id: string) => (await readImported(join(modelsRoot, id), id)).manifest;
  return {
    base: requireKind(await read(SEEING_BASE_ID), 'decoder'),
    encoder: requireKind(await read(TINY_ENCODER_ID), 'vision'),
  };
}

const COLOURS = {
  red: [220, 30, 30],
  blue: [30, 40, 220],
  green: [20, 180, 40],
  white: [240, 240, 240],
} as const;
export type ColourName = keyof typeof COLOURS;
export const COLOUR_NAMES = Object.keys(COLOURS) as ColourName[];
const SIDE = 32;

/** A square of one colour with stripes, another one for each number. */
export function stripedPng(colour: ColourName, number: number): Uint8Array {
  const data = new Uint8Array(SIDE * SIDE * 3);
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++) {
      const isDark = (x + number) % (4 + (number % 5)) === 0;
      const pixel = COLOURS[colour].map((value) => (isDark ? Math.floor(value / 2) : value));
      data.set(pixel, (y * SIDE + x) * 3);
    }
  return encode({ width: SIDE, height: SIDE, data, channels: 3 });
}

/** Pictures of every colour with a caption and a question each, as files. @returns the JSONL */
export async function writePictures(folder: string, nEach: number): Promise<string> {
  await mkdir(folder, { recursive: true });
  const lines: string[] = [];
  for (const colour of COLOUR_NAMES)
    for (let i = 0; i < nEach; i++) {
      const image = `${colour}-${i}.png`;
      await writeFile(join(folder, image), stripedPng(colour, i));
      lines.push(JSON.stringify({ image, captions: [`a ${colour} square`] }));
      lines.push(JSON.stringify({ image, question: 'which colour?', answer: colour }));
    }
  const file = join(folder, 'captions.jsonl');
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

/** Eyes of seeded values, as nobody has trained them. */
export async function randomEyes(
  encoder: Pick<VisionManifest, 'id' | 'config'>,
  { config }: Pick<DecoderManifest, 'config'>,
  more: Pick<EyesFacts, 'beginId' | 'endId'>,
): Promise<Eyes> {
  const { nFeature } = encoder.config;
  const [grid, nHidden, { nEmbd, normEps }] = [2, 12, config];
  const halves = (n: number, seed: number): Uint16Array =>
    Uint16Array.from(randomValues(n, seed, 0.1), f32ToF16);
  const sizes = { grid, nFeature, nHidden, nEmbd, normEps };
  const tensors: EyesTensors = {
    ...{ ...sizes, mean: randomValues(nFeature, 1, 0.5) },
    deviation: randomValues(nFeature, 2, 0.2).map((value) => 0.5 + Math.abs(value)),
    ...{ hidden: halves(nHidden * nFeature, 3), hiddenBias: randomValues(nHidden, 4, 0.5) },
    ...{ out: halves(nEmbd * nHidden, 5), positions: randomValues(grid * grid * nEmbd, 6, 0.2) },
    gain: randomValues(nEmbd, 7, 1).map((value) => 1 + value),
  };
  const facts: EyesFacts = {
    ...{ ...sizes, ...more, encoder: encoder.id, encoderSha256: await encoderHash(encoder) },
  };
  return { facts, tensors, bytes: encodeEyes(facts, tensors) };
}

/** An adapter with such eyes, which changes the values of the first layer. */
export function seeingAdapter(
  { config: c }: Pick<DecoderManifest, 'config'>,
  eyes: Eyes,
): SeeingAdapter {
  const rank = 2;
  const nOut = c.nKvHead * c.headDim;
  return {
    ...{ rank, alpha: rank, scale: 1, activation: null, baseName: null, eyes },
    pairs: new Map([
      [
        'layers.0.vProj',
        { a: randomValues(rank * c.nEmbd, 8, 0.3), b: randomValues(nOut * rank, 9, 0.3) },
      ],
    ]),
  };
}
