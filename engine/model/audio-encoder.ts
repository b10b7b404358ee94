/** Whisper's encoder: features of sound to rows that the text decoder attends to. */
import type { SpeechConfig } from '../formats/speech-config.ts';
import type { KernelExports } from '../kernels/wasm/module.ts';
import { Ops } from '../ops/ops.ts';
import type { Rows } from '../ops/ops.ts';
import { AudioStem } from './audio-stem.ts';
import { normRef } from './layer-weights.ts';
import type { NormRef, WeightMap } from './layer-weights.ts';
import { PagedKeys } from './paged-keys.ts';
import { rowStride } from './plan.ts';
import { AUDIO_ROWS } from './speech-plan.ts';
import type { SpeechPlan } from './speech-plan.ts';
import { speechLinear } from './speech-weights.ts';
import type { Linear } from './speech-weights.ts';

/** Is given `n` rows of the encoder's output, positions `from`...; `scratch` has room for 2 n rows. */
export type TakeRows = (x: Rows, from: number, n: number, scratch: number) => void;

interface EncoderLayer {
  readonly attnNorm: NormRef;
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly o: Linear;
  readonly ffnNorm: NormRef;
  readonly up: Linear;
  readonly down: Linear;
}

export class AudioEncoder {
  readonly config: SpeechConfig;
  readonly stem: AudioStem;
  readonly #kernels: KernelExports;
  readonly #memory: WebAssembly.Memory;
  readonly #ops: Ops;
  readonly #layers: readonly EncoderLayer[];
  readonly #lastNorm: NormRef;
  readonly #audio: number;
  readonly #stride: number;
  readonly #in: Rows;
  readonly #wide: Rows;
  readonly #out: number;
  readonly #keys: PagedKeys;

  constructor(
    config: SpeechConfig,
    plan: SpeechPlan,
    weights: WeightMap,
    kernels: KernelExports,
    memory: WebAssembly.Memory,
  ) {
    this.config = config;
    this.#kernels = kernels;
    this.#memory = memory;
    this.#ops = new Ops(kernels);
    this.stem = new AudioStem(config, plan, weights, this.#ops, memory);
    const at = (name: keyof SpeechPlan['regions']) => plan.regions[name].address;
    this.#audio = at('audio');
    this.#stride = rowStride(config.nEmbd);
    this.#in = { address: at('rowsIn'), panels: at('rowsInPanels'), stride: this.#stride };
    this.#wide = {
      address: at('rowsWide'),
      panels: at('rowsWidePanels'),
      stride: rowStride(config.nFf),
    };
    this.#out = at('rowsOut');
    this.#layers = Array.from({ length: config.nAudioLayer }, (_, i) => {
      const prefix = `encoder.layers.${i}.`;
      const linear = (name: string) => speechLinear(weights, prefix + name);
      return {
        attnNorm: normRef(weights, `${prefix}attnNorm`)!,
        q: linear('q'),
        k: linear('k'),
        v: linear('v'),
        o: linear('o'),
        ffnNorm: normRef(weights, `${prefix}ffnNorm`)!,
        up: linear('up'),
        down: linear('down'),
      };
    });
    this.#lastNorm = normRef(weights, 'encoder.norm')!;
    // The first layer's pages of cross attention are free until the encoder is done.
    this.#keys = new PagedKeys({
      kernels,
      memory,
      geometry: plan.kv,
      nHead: config.nHead,
      headDim: config.nEmbd / config.nHead,
      nPage: plan.nCrossPage,
      pages: at('crossPages'),
      table: at('crossTable'),
      scratch: 0,
    });
  }

  /**
   * The rows of S positions whose features stand in `stem.features(S)`, a slice at a time to `take`.
   * Gives its caller a turn after each layer.
   */
  *run(S: number, take: TakeRows): Generator<void, void, void> {
    this.stem.run(S);
    yield;
    this.#keys.fillTable();
    this.#keys.length = S;
    for (const w of this.#layers) {
      this.#attend(w, S);
      this.#feedForward(w, S);
      yield;
    }
    for (let from = 0; from < S; from += AUDIO_ROWS) {
      const n = Math.min(AUDIO_ROWS, S - from);
      this.#norm(this.#lastNorm, from, n);
      take(this.#in, from, n, this.#out);
    }
  }

  #attend(w: EncoderLayer, S: number): void {
    const stride = this.#stride;
    const [k, v] = [this.#out, this.#out + AUDIO_ROWS * stride * 4];
    for (let from = 0; from < S; from += AUDIO_ROWS) {
      const n = Math.min(AUDIO_ROWS, S - from);
      this.#norm(w.attnNorm, from, n);
      this.#ops.quantize(this.#in, n, w.k.weight, w.v.weight);
      this.#project(w.k, this.#in, n, k, stride);
      this.#project(w.v, this.#in, n, v, stride);
      this.#keys.write(0, from, n, k, v, stride);
    }
    for (let from = 0; from < S; from += AUDIO_ROWS) {
      const n = Math.min(AUDIO_ROWS, S - from);
      this.#norm(w.attnNorm, from, n);
      this.#ops.quantize(this.#in, n, w.q.weight);
      this.#project(w.q, this.#in, n, k, stride);
      this.#attendHeads(k, n);
      this.#add(w.o, this.#in, from, n);
    }
  }

  /** in = softmax(q k) v of n rows of queries, head by head. */
  #attendHeads(queries: number, n: number): void {
    const { nHead, nEmbd } = this.config;
    const D = nEmbd / nHead;
    const floats = new Float32Array(this.#memory.buffer);
    const [from, to] = [queries / 4, this.#in.address / 4];
    const gathered = this.#wide.address;
    const attended = gathered + n * D * 4;
    const scratch = attended + n * D * 4;
    for (let h = 0; h < nHead; h++) {
      for (let t = 0; t < n; t++) {
        const at = from + t * this.#stride + h * D;
        floats.copyWithin(gathered / 4 + t * D, at, at + D);
      }
      this.#keys.attendTogether(0, h, gathered, attended, n, scratch);
      for (let t = 0; t < n; t++)
        floats.copyWithin(
          to + t * this.#stride + h * D,
          attended / 4 + t * D,
          attended / 4 + (t + 1) * D,
        );
    }
  }

  #feedForward(w: EncoderLayer, S: number): void {
    for (let from = 0; from < S; from += AUDIO_ROWS) {
      const n = Math.min(AUDIO_ROWS, S - from);
      this.#norm(w.ffnNorm, from, n);
      this.#ops.quantize(this.#in, n, w.up.weight);
      this.#project(w.up, this.#in, n, this.#wide.address, this.#wide.stride);
      this.#kernels.geluErfRow(this.#wide.address, this.#wide.address, n * this.#wide.stride);
      this.#add(w.down, this.#wide, from, n);
    }
  }

  #norm(norm: NormRef, from: number, n: number): void {
    this.#kernels.layerNormRows(
      this.#audio + from * this.#stride * 4,
      norm.weight,
      norm.bias,
      this.#in.address,
      norm.n,
      n,
      this.#stride,
      this.config.normEps,
    );
  }

  #project({ weight, bias }: Linear, x: Rows, n: number, y: number, stride: number): void {
    this.#ops.matmul(weight, x, n, y, stride);
    if (bias !== 0) this.#kernels.addBias(y, bias, weight.nRow, n, stride);
  }

  #add({ weight, bias }: Linear, x: Rows, from: number, n: number): void {
    const to = this.#audio + from * this.#stride * 4;
    this.#ops.quantize(x, n, weight);
    this.#ops.matmul(weight, x, n, to, this.#stride, true);
    if (bias !== 0) this.#kernels.addBias(to, bias, weight.nRow, n, this.#stride);
  }
}
