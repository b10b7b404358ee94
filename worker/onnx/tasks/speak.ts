/**
 * Phoneme ids to speech with a Piper voice, window by window (scripts/import/onnx/piper.ts says how the
 * graph was cut). The encoder runs over the whole sentence; flow and vocoder over windows with as much
 * context as their convolutions reach, so that a window's samples are those of the whole.
 */
import { EngineError } from '../../../engine/base/errors.ts';
import type { Voice } from '../../../engine/manifest/onnx.ts';
import type { OnnxModel } from '../load-model.ts';
import { float32Of, float32Tensor, int64Tensor } from '../tensors.ts';
import { normalSource } from './normal-source.ts';

/** Most ids of one sentence; padding lies between phonemes, so this is half as many phonemes. */
export const MAX_SPEAK_IDS = 640;
/** Frames on each side: four couplings of four convolutions that reach 2 frames each. */
const FLOW_CONTEXT = 32;
/** New frames of a window of the flow: few at first, so that speech starts early. */
const FLOW_FIRST = 64;
const FLOW_NEXT = 192;
export const FLOW_WINDOW_MAX = FLOW_NEXT + 2 * FLOW_CONTEXT;
/** Frames on each side: the vocoder's convolutions reach between 11 and 12. */
const VOCODER_CONTEXT = 12;
const VOCODER_FIRST = 32;
const VOCODER_NEXT = 64;
export const VOCODER_WINDOW_MAX = VOCODER_NEXT + 2 * VOCODER_CONTEXT;
/** Most frames of one sentence: 93 s at 22,050 Hz. A longer one has gone wrong. */
const MAX_FRAMES = 8000;

export interface SpeakOptions {
  /** How much a sound varies around its mean; the voice's own by default. */
  readonly noiseScale?: number;
  /** 2 speaks half as fast. */
  readonly lengthScale?: number;
  /** How much durations vary. */
  readonly noiseW?: number;
  /** The same seed gives the same samples; default 0. */
  readonly seed?: number;
}

/** Mono samples, -1 to 1, at the voice's rate, as they are made. @throws {EngineError} */
export async function* speakIds(
  model: OnnxModel,
  voice: Voice,
  ids: readonly number[],
  options: SpeakOptions = {},
): AsyncGenerator<Float32Array, void, void> {
  if (ids.length === 0) return;
  if (ids.length > MAX_SPEAK_IDS)
    throw new EngineError(
      'E_REQUEST_INVALID',
      `speak: expected at most ${MAX_SPEAK_IDS} phoneme ids in a sentence, got ${ids.length}. Use shorter sentences.`,
      { param: 'input' },
    );
  const prior = await encode(model, voice, ids, options);
  const latent = new LatentWindows(model, voice, prior);
  let done = 0;
  while (done < prior.nFrame) {
    const to = Math.min(prior.nFrame, done + (done === 0 ? VOCODER_FIRST : VOCODER_NEXT));
    const from = Math.max(0, done - VOCODER_CONTEXT);
    const until = Math.min(prior.nFrame, to + VOCODER_CONTEXT);
    const window = await latent.range(from, until);
    const name = graphOf(model, 'vocoder').inputs[0]?.name ?? '';
    const outputs = await model.run('vocoder', {
      [name]: float32Tensor(window, [1, voice.channels, until - from]),
    });
    const { hop } = voice;
    yield float32Of(outputs, 'output').slice((done - from) * hop, (to - from) * hop);
    done = to;
  }
}

/** Frames before the flow, [channels, nFrame]. */
interface Prior {
  readonly frames: Float32Array;
  readonly nFrame: number;
}

async function encode(
  model: OnnxModel,
  voice: Voice,
  ids: readonly number[],
  options: SpeakOptions,
): Promise<Prior> {
  const {
    noiseScale = voice.noiseScale,
    lengthScale = voice.lengthScale,
    noiseW = voice.noiseW,
    seed = 0,
  } = options;
  const normal = normalSource(seed);
  const { inputs, outputs } = graphOf(model, 'encoder');
  const scales = Float32Array.of(noiseScale, lengthScale, noiseW);
  const noise = Float32Array.from({ length: 2 * ids.length }, normal);
  const made = await model.run('encoder', {
    input: int64Tensor(ids, [1, ids.length]),
    input_lengths: int64Tensor([ids.length], [1]),
    scales: float32Tensor(scales, [3]),
    [inputs[3]?.name ?? '']: float32Tensor(noise, [1, 2, ids.length]),
  });
  const [durations, means, deviations] = outputs.map(({ name }) => float32Of(made, name)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  return drawPrior(durations, means, deviations, voice.channels, noiseScale, normal);
}

/** Draws each phoneme's frames from its mean and deviation, for as long as it lasts. */
function drawPrior(
  durations: Float32Array,
  means: Float32Array,
  deviations: Float32Array,
  channels: number,
  noiseScale: number,
  normal: () => number,
): Prior {
  const owners: number[] = [];
  durations.forEach((duration, phoneme) => {
    for (let i = 0; i < duration && owners.length < MAX_FRAMES; i++) owners.push(phoneme);
  });
  const nFrame = owners.length;
  const nPhoneme = durations.length;
  const frames = new Float32Array(channels * nFrame);
  // Frame by frame, so that a frame's noise does not depend on how many follow.
  for (let frame = 0; frame < nFrame; frame++) {
    const owner = owners[frame]!;
    for (let channel = 0; channel < channels; channel++) {
      const at = channel * nPhoneme + owner;
      const spread = noiseScale === 0 ? 0 : normal() * Math.exp(deviations[at]!) * noiseScale;
      frames[channel * nFrame + frame] = means[at]! + spread;
    }
  }
  return { frames, nFrame };
}

/** The flow's output, computed as far as it is asked for and kept while it may be needed. */
class LatentWindows {
  readonly #model: OnnxModel;
  readonly #voice: Voice;
  readonly #prior: Prior;
  /** [channels, nFrame]; filled up to frame `#made`. */
  readonly #latent: Float32Array;
  #made = 0;

  constructor(model: OnnxModel, voice: Voice, prior: Prior) {
    this.#model = model;
    this.#voice = voice;
    this.#prior = prior;
    this.#latent = new Float32Array(prior.frames.length);
  }

  /** Frames [from, to) as [channels, to - from]. */
  async range(from: number, to: number): Promise<Float32Array> {
    while (this.#made < to) await this.#next();
    return columns(this.#latent, this.#prior.nFrame, from, to);
  }

  async #next(): Promise<void> {
    const { nFrame, frames } = this.#prior;
    const to = Math.min(nFrame, this.#made + (this.#made === 0 ? FLOW_FIRST : FLOW_NEXT));
    const from = Math.max(0, this.#made - FLOW_CONTEXT);
    const until = Math.min(nFrame, to + FLOW_CONTEXT);
    const length = until - from;
    const { inputs, outputs } = graphOf(this.#model, 'flow');
    const made = await this.#model.run('flow', {
      [inputs[0]?.name ?? '']: float32Tensor(columns(frames, nFrame, from, until), [
        1,
        this.#voice.channels,
        length,
      ]),
      [inputs[1]?.name ?? '']: float32Tensor(new Float32Array(length).fill(1), [1, 1, length]),
    });
    const window = float32Of(made, outputs[0]?.name ?? '');
    for (let channel = 0; channel < this.#voice.channels; channel++) {
      const row = window.subarray(channel * length, (channel + 1) * length);
      this.#latent.set(row.subarray(this.#made - from, to - from), channel * nFrame + this.#made);
    }
    this.#made = to;
  }
}

/** Columns [from, to) of rows of `width`. */
function columns(matrix: Float32Array, width: number, from: number, to: number): Float32Array {
  const nRow = width === 0 ? 0 : matrix.length / width;
  const out = new Float32Array(nRow * (to - from));
  for (let row = 0; row < nRow; row++)
    out.set(matrix.subarray(row * width + from, row * width + to), row * (to - from));
  return out;
}

function graphOf({ manifest }: OnnxModel, name: string) {
  const graph = manifest.graphs.find((row) => row.name === name);
  if (graph !== undefined) return graph;
  throw new EngineError(
    'E_MANIFEST_INVALID',
    `${manifest.id}: has no graph ${name}. Import the voice again.`,
  );
}
