/**
 * The two convolutions before Whisper's encoder. Features lie time first, so that three neighbouring
 * frames are one row of three times the width: a convolution is a product over the rows in place.
 */
import { atOnce } from '../../base/turns.ts';
import type { Steps } from '../../base/turns.ts';
import type { RecognitionConfig } from '../../manifest/recognition-config.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import type { Ops, Rows } from '../../ops/ops.ts';
import type { WeightMap } from '../memory/layer-weights.ts';
import { rowStride } from '../memory/layout.ts';
import { AUDIO_ROWS, FRAMES_PER_POSITION } from './plan.ts';
import type { RecognitionPlan } from './plan.ts';
import type { Linear } from '../memory/linear.ts';
import type { WeightRef } from '../../ops/weights.ts';

/** Positions that are computed at once. */
const ROWS_A_STEP = 4 * AUDIO_ROWS;

export class AudioStem {
  readonly #config: RecognitionConfig;
  readonly #kernels: KernelExports;
  readonly #memory: WebAssembly.Memory;
  readonly #ops: Ops;
  readonly #conv1: Linear;
  readonly #conv2: Linear;
  readonly #positions: WeightRef;
  readonly #mel: number;
  readonly #frames: number;
  readonly #panels: number;
  readonly #audio: number;

  constructor(
    config: RecognitionConfig,
    plan: RecognitionPlan,
    weights: WeightMap,
    ops: Ops,
    memory: WebAssembly.Memory,
  ) {
    this.#config = config;
    this.#kernels = ops.kernels;
    this.#memory = memory;
    this.#ops = ops;
    const conv = (name: string): Linear => ({
      weight: weights.get(name)!,
      bias: weights.get(`${name}Bias`)!.address,
    });
    this.#conv1 = conv('conv1');
    this.#conv2 = conv('conv2');
    this.#positions = weights.get('audioPositions')!;
    const { mel, frames, windowPanels, audio } = plan.regions;
    this.#mel = mel.address;
    this.#frames = frames.address;
    this.#panels = windowPanels.address;
    this.#audio = audio.address;
  }

  /** Where the features of S positions go, [2 S, nMels], time first, with zeros around them. */
  features(S: number): Float32Array {
    const { nMels } = this.#config;
    const nFrame = FRAMES_PER_POSITION * S;
    const whole = new Float32Array(this.#memory.buffer, this.#mel, (nFrame + 2) * nMels + 32);
    whole.fill(0, 0, nMels);
    whole.fill(0, (nFrame + 1) * nMels);
    return whole.subarray(nMels, (nFrame + 1) * nMels);
  }

  /** audio[s] = gelu(conv2(gelu(conv1(features)))) + the row of its position, [S, C]. */
  run(S: number): void {
    atOnce(this.steps(S));
  }

  /** `run` in parts. */
  *steps(S: number): Steps<void> {
    const stride = rowStride(this.#config.nEmbd);
    for (let from = 0; from < S; from += AUDIO_ROWS) {
      if (from > 0 && from % ROWS_A_STEP === 0) yield;
      const n = Math.min(AUDIO_ROWS, S - from);
      this.#framesBefore(from, n, stride);
      const out = this.#audio + from * stride * 4;
      const windows: Rows = {
        address: this.#frames,
        stride: FRAMES_PER_POSITION * stride,
        panels: this.#panels,
      };
      this.#convolve(this.#conv2, windows, n, out);
      // Positions are f32 rows of the same width.
      this.#kernels.addScaled(out, this.#positions.address + from * stride * 4, 1, n * stride);
    }
  }

  /** Frames 2 from - 1 to 2 (from + n) - 1 after the first convolution; the frame before the first is zero. */
  #framesBefore(from: number, n: number, stride: number): void {
    const { nMels } = this.#config;
    const isFirst = from === 0;
    const frame = isFirst ? 0 : FRAMES_PER_POSITION * from - 1;
    const nFrame = FRAMES_PER_POSITION * n + (isFirst ? 0 : 1);
    const to = this.#frames + (isFirst ? stride * 4 : 0);
    if (isFirst) new Float32Array(this.#memory.buffer, this.#frames, stride).fill(0);
    const windows: Rows = {
      address: this.#mel + frame * nMels * 4,
      stride: nMels,
      panels: this.#panels,
    };
    this.#convolve(this.#conv1, windows, nFrame, to);
  }

  #convolve({ weight, bias }: Linear, windows: Rows, n: number, out: number): void {
    const stride = rowStride(this.#config.nEmbd);
    this.#ops.quantize(windows, n, weight);
    this.#ops.matmul(weight, windows, n, out, stride);
    this.#kernels.addBias(out, bias, weight.nRow, n, stride);
    this.#kernels.geluErfRow(out, out, n * stride);
  }
}
