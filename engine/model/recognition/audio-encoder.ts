/** Whisper's encoder: features of sound to rows that the text decoder attends to. */
import type { RecognitionConfig } from '../../manifest/recognition-config.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import { Ops } from '../../ops/ops.ts';
import type { Rows } from '../../ops/ops.ts';
import { AudioStem } from './audio-stem.ts';
import { EncoderLayers, slices } from '../encoder/layers.ts';
import type { EncoderShape } from '../encoder/layers.ts';
import { HeadByHead } from '../encoder/head-by-head.ts';
import { normRef } from '../memory/layer-weights.ts';
import type { NormRef, WeightMap } from '../memory/layer-weights.ts';
import { PagedKeys } from '../encoder/paged-keys.ts';
import { rowStride } from '../memory/layout.ts';
import { AUDIO_ROWS } from './plan.ts';
import type { RecognitionPlan } from './plan.ts';

/** Takes `n` rows of the encoder's output, positions `from` and on; `scratch` has room for 2 n rows. */
export type TakeRows = (x: Rows, from: number, n: number, scratch: number) => void;

export class AudioEncoder {
  readonly config: RecognitionConfig;
  readonly stem: AudioStem;
  readonly #kernels: KernelExports;
  readonly #layers: EncoderLayers;
  readonly #lastNorm: NormRef;
  readonly #audio: number;
  readonly #stride: number;
  readonly #rows: Rows;
  readonly #scratch: number;
  readonly #keys: PagedKeys;

  constructor(
    config: RecognitionConfig,
    plan: RecognitionPlan,
    weights: WeightMap,
    kernels: KernelExports,
    memory: WebAssembly.Memory,
  ) {
    this.config = config;
    this.#kernels = kernels;
    const ops = new Ops(kernels);
    this.stem = new AudioStem(config, plan, weights, ops, memory);
    const at = (name: keyof RecognitionPlan['regions']) => plan.regions[name].address;
    const stride = rowStride(config.nEmbd);
    this.#audio = at('audio');
    this.#stride = stride;
    this.#rows = { address: at('rowsIn'), panels: at('rowsInPanels'), stride };
    this.#scratch = at('rowsOut');
    this.#lastNorm = normRef(weights, 'encoder.norm')!;
    const headDim = config.nEmbd / config.nHead;
    // The first layer's pages of cross attention are free until the encoder is done.
    this.#keys = new PagedKeys({
      kernels,
      memory,
      geometry: plan.kv,
      nHead: config.nHead,
      headDim,
      nPage: plan.nCrossPage,
      pages: at('crossPages'),
      table: at('crossTable'),
      scratch: 0,
    });
    // The wide rows are free while a slice attends.
    const { nHead } = config;
    const room = { nHead, headDim, address: at('rowsWide'), nRow: AUDIO_ROWS };
    const kept = new HeadByHead(this.#keys, memory, room);
    const shape: EncoderShape = { ...config, nLayer: config.nAudioLayer, normed: 'before' };
    const regions = {
      hidden: this.#audio,
      queries: at('rowsOut'),
      keys: at('rowsOut'),
      values: at('rowsOut') + AUDIO_ROWS * stride * 4,
      attended: at('rowsIn'),
      scratch: 0,
      slice: at('rowsIn'),
      slicePanels: at('rowsInPanels'),
      wide: at('rowsWide'),
      widePanels: at('rowsWidePanels'),
    };
    this.#layers = new EncoderLayers(ops, shape, regions, weights, 'encoder.layers.', {
      kept,
    });
  }

  /**
   * Passes the rows of the S positions whose features are in `stem.features(S)` to `take`, a slice at a
   * time. Yields after each layer, so that its caller gets a turn.
   */
  *run(S: number, take: TakeRows): Generator<void, void, void> {
    yield* this.stem.steps(S);
    yield;
    this.#keys.fillTable();
    this.#keys.length = S;
    yield* this.#layers.run([{ from: 0, n: S }], S);
    const { weight, bias, n: width } = this.#lastNorm;
    const { normEps } = this.config;
    for (const { from, n } of slices(S)) {
      const x = this.#audio + from * this.#stride * 4;
      const out = this.#rows.address;
      this.#kernels.layerNormRows(x, weight, bias, out, width, n, this.#stride, normEps);
      take(this.#rows, from, n, this.#scratch);
    }
  }
}
