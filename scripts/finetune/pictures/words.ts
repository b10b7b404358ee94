/**
 * Eyes that begin from words: a detector of the words that are said of pictures, learned in seconds without the language
 * model, becomes the first map, and the embeddings of its words the second. A frozen language model so gets its own words
 * for what there is in a picture, from which it learns far sooner than from nothing.
 */
import { Arena } from '../../../engine/train/arena.ts';
import { EYES, N_CONSTANT } from '../../../engine/train/eyes.ts';
import { WASM_PAGE_BYTES } from '../../../engine/kernels/wasm/module.ts';
import {
  instantiateTraining,
  type TrainingKernels,
} from '../../../engine/kernels/wasm/training-module.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { SeededRandom } from '../../lib/seeded-random.ts';
import { shuffled } from '../../lib/shuffled.ts';
import { compileTraining, sharedMemory } from '../../train/trainer.ts';
import type { AdapterTraining } from '../adapter-training.ts';
import type { PictureSet } from './dataset.ts';

/** Words that are looked for: as many as channels of the default encoder. */
export const MAX_WORDS = 1280;
/** Widths are multiples of this. */
const WIDTH_STEP = 4;
const BATCH = 128;
const RATE = 1e-3;
const MAX_EPOCHS = 30;
/** Epochs without a better loss on pictures that are not learned from, after which it ends. */
const PATIENCE = 2;
/** Part of the pictures that says when to end. */
const CHECKED_PART = 0.1;
/** Added to each detector, so that the words of a place are there before anything is certain. */
const DETECTOR_BIAS = 1.5;
const [BETA1, BETA2, EPS] = [0.9, 0.999, 1e-8];

/** Words of a text, each once. */
function wordsOf(text: string): Set<string> {
  return new Set(text.toLowerCase().match(/\p{L}+/gu));
}

/**
 * The words that the most pictures have in what is said of them, a multiple of WIDTH_STEP.
 * @throws {EngineError} E_USAGE for texts of hardly any words
 */
export function frequentWords({ pictures, trained }: Pick<PictureSet, 'pictures' | 'trained'>) {
  const counts = new Map<string, number>();
  for (const index of trained)
    for (const word of wordsOf(pictures[index]!.texts.map(({ answer }) => answer).join(' ')))
      counts.set(word, (counts.get(word) ?? 0) + 1);
  const words = [...counts]
    .toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .map(([word]) => word)
    .slice(0, MAX_WORDS);
  const nWord = words.length - (words.length % WIDTH_STEP);
  if (nWord > 0) return words.slice(0, nWord);
  throw new EngineError(
    'E_USAGE',
    `images: what is said of them has ${words.length} words; expected at least ${WIDTH_STEP}. Give more pictures.`,
    { param: 'images' },
  );
}

/** Share of a picture's texts that have each word. */
function sharesOf(answers: readonly string[], places: ReadonlyMap<string, number>): Float32Array {
  const shares = new Float32Array(places.size);
  for (const answer of answers)
    for (const word of wordsOf(answer)) {
      const at = places.get(word);
      if (at !== undefined) shares[at]! += 1 / answers.length;
    }
  return shares;
}

/** Mean of a picture's vectors, constants included. */
function meanVector(set: PictureSet, index: number): Float32Array {
  const values = set.vectorsOf(index);
  const nIn = values.length / set.nPosition;
  const mean = new Float32Array(nIn);
  for (const [i, value] of values.entries()) mean[i % nIn]! += value / set.nPosition;
  return mean;
}

export interface WordDetector {
  readonly words: readonly string[];
  /** [words.length, nIn]: logits of a vector. */
  readonly map: Float32Array;
  readonly nIn: number;
  /** Binary cross-entropy of a word on the pictures that were not learned from. */
  readonly loss: number;
  readonly nEpoch: number;
}

/** Learns, by logistic regression of each word (Adam), until others' words get no better. */
export async function learnWords(set: PictureSet, seed: number): Promise<WordDetector> {
  const words = frequentWords(set);
  const places = new Map(words.map((word, i) => [word, i]));
  const mixed = shuffled(new SeededRandom(seed), set.trained);
  const samples = mixed.map((index) => ({
    x: meanVector(set, index),
    y: sharesOf(
      set.pictures[index]!.texts.map(({ answer }) => answer),
      places,
    ),
  }));
  const nChecked = Math.floor(samples.length * CHECKED_PART);
  const [checked, learned] = [samples.slice(0, nChecked), samples.slice(nChecked)];
  const nIn = samples[0]!.x.length;
  const regression = await Regression.open(words.length, nIn);
  let best = { loss: Infinity, map: regression.map.slice(), nEpoch: 0 };
  for (let epoch = 1; epoch <= MAX_EPOCHS && epoch - best.nEpoch <= PATIENCE; epoch++) {
    const order = shuffled(new SeededRandom(seed + epoch), learned);
    for (let at = 0; at < order.length; at += BATCH) regression.learn(order.slice(at, at + BATCH));
    // With too few to check by, the last is the best.
    const loss = nChecked === 0 ? -epoch : regression.lossOf(checked);
    if (loss < best.loss) best = { loss, map: regression.map.slice(), nEpoch: epoch };
  }
  return { words, nIn, ...best };
}

interface Sample {
  readonly x: Float32Array;
  readonly y: Float32Array;
}

/** Addresses of a map, its slopes and running means, of inputs and of logits. */
type RegressionRoom = Readonly<
  Record<'w' | 'dw' | 'mean' | 'square' | 'x' | 'z' | 'scratch', number>
>;

/** Logistic regressions that share their inputs, in a memory of their own. */
class Regression {
  readonly #kernels: TrainingKernels;
  readonly #floats: Float32Array;
  readonly #nOut: number;
  readonly #nIn: number;
  readonly #at: RegressionRoom;
  #nStep = 0;

  private constructor(
    kernels: TrainingKernels,
    memory: WebAssembly.Memory,
    at: RegressionRoom,
    nOut: number,
    nIn: number,
  ) {
    this.#kernels = kernels;
    this.#floats = new Float32Array(memory.buffer);
    this.#at = at;
    this.#nOut = nOut;
    this.#nIn = nIn;
  }

  static async open(nOut: number, nIn: number): Promise<Regression> {
    const module = await compileTraining();
    const sizes = await instantiateTraining(module, sharedMemory(1));
    const arena = new Arena();
    const n = nOut * nIn;
    const at = {
      ...{
        w: arena.values(n),
        dw: arena.values(n),
        mean: arena.values(n),
        square: arena.values(n),
      },
      ...{ x: arena.values(BATCH * nIn), z: arena.values(BATCH * nOut) },
      scratch: arena.bytes(sizes.gemmScratchBytes()),
    };
    const memory = sharedMemory(Math.ceil(arena.nByte / WASM_PAGE_BYTES));
    const kernels = await instantiateTraining(module, memory);
    return new Regression(kernels, memory, at, nOut, nIn);
  }

  /** [nOut, nIn]; a view. */
  get map(): Float32Array {
    return this.#floats.subarray(this.#at.w / 4, this.#at.w / 4 + this.#nOut * this.#nIn);
  }

  /** One update from at most BATCH samples. */
  learn(samples: readonly Sample[]): void {
    const { w, dw, mean, square, x, z, scratch } = this.#at;
    const [m, nOut, nIn] = [samples.length, this.#nOut, this.#nIn];
    const logits = this.#logits(samples);
    for (const [i, { y }] of samples.entries())
      for (let word = 0; word < nOut; word++)
        logits[i * nOut + word] = 1 / (1 + Math.exp(-logits[i * nOut + word]!)) - y[word]!;
    // dW = dz^T x
    this.#kernels.gemm(nOut, nIn, m, z, 1, nOut, x, nIn, 1, dw, nIn, 0, scratch);
    this.#nStep++;
    const scales = [1 / (1 - BETA1 ** this.#nStep), 1 / (1 - BETA2 ** this.#nStep), 1 / m] as const;
    this.#kernels.adamw(
      ...([w, dw, mean, square, nOut * nIn, RATE, BETA1, BETA2, EPS, 0, ...scales] as const),
    );
  }

  /** Mean binary cross-entropy of a word of a sample. */
  lossOf(samples: readonly Sample[]): number {
    let sum = 0;
    for (let at = 0; at < samples.length; at += BATCH) {
      const part = samples.slice(at, at + BATCH);
      const logits = this.#logits(part);
      for (const [i, { y }] of part.entries())
        for (let word = 0; word < this.#nOut; word++) {
          const z = logits[i * this.#nOut + word]!;
          sum += Math.max(z, 0) - z * y[word]! + Math.log1p(Math.exp(-Math.abs(z)));
        }
    }
    return sum / (samples.length * this.#nOut);
  }

  /** z = x W^T; a view. */
  #logits(samples: readonly Sample[]): Float32Array {
    const { w, x, z, scratch } = this.#at;
    const [m, nOut, nIn] = [samples.length, this.#nOut, this.#nIn];
    for (const [i, sample] of samples.entries()) this.#floats.set(sample.x, x / 4 + i * nIn);
    this.#kernels.gemm(m, nOut, nIn, x, nIn, 1, w, 1, nIn, z, nOut, 0, scratch);
    return this.#floats.subarray(z / 4, z / 4 + m * nOut);
  }
}

/** Makes the eyes of a training those that a detector's words give. */
export function beginFromWords(
  training: AdapterTraining,
  { words, map, nIn }: WordDetector,
  tokenizer: Tokenizer,
): void {
  const n = training.program.plan.base.config.nEmbd;
  const hidden = map.slice();
  for (let row = 0; row < words.length; row++)
    hidden[(row + 1) * nIn - N_CONSTANT]! += DETECTOR_BIAS;
  const rows = words.map((word) => meanEmbedding(training, tokenizer, ` ${word}`));
  const centre = Float64Array.from({ length: n }, (_, i) =>
    rows.reduce((sum, row) => sum + row[i]! / rows.length, 0),
  );
  const out = new Float32Array(n * words.length);
  for (const [word, row] of rows.entries())
    for (let i = 0; i < n; i++) out[i * words.length + word] = row[i]! - centre[i]!;
  const squares = rows.reduce((sum, row) => sum + row.reduce((a, x) => a + x * x, 0), 0);
  const gain = new Float32Array(n).fill(Math.sqrt(squares / (rows.length * n)));
  const byName = new Map(training.program.plan.graph.weights.map((one) => [one.name, one]));
  for (const [name, values] of [
    [EYES.hidden, hidden],
    [EYES.out, out],
    [EYES.gain, gain],
  ] as const)
    training.write(byName.get(name)!, values);
}

/** Mean of the embeddings of a text's tokens. */
function meanEmbedding(training: AdapterTraining, tokenizer: Tokenizer, text: string) {
  const ids = tokenizer.encode(text, { special: false, bos: false });
  const rows = training.embeddingOf(ids);
  const n = rows.length / ids.length;
  return Float32Array.from({ length: n }, (_, i) =>
    ids.reduce((sum, _id, j) => sum + rows[j * n + i]! / ids.length, 0),
  );
}
