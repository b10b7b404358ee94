/**
 * An image encoder of inverted residual blocks (MobileNetV2, arXiv 1801.04381) in the kernels' memory. Maps lie
 * channels last, a row a position, so that a convolution of one pixel is a product of rows.
 */
import type { Steps } from '../../base/turns.ts';
import type { VisionBlock, VisionConfig } from '../../manifest/vision-config.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import { Ops } from '../../ops/ops.ts';
import type { Rows } from '../../ops/ops.ts';
import type { WeightMap } from '../memory/layer-weights.ts';
import { rowStride } from '../memory/layout.ts';
import { linearOf } from '../memory/linear.ts';
import type { Linear } from '../memory/linear.ts';
import { blockShapes, sideAfter, VISION_ROWS } from './plan.ts';
import type { BlockShape, VisionPlan } from './plan.ts';
import { poolMap } from './pool-map.ts';
import { PictureProjector } from './projector.ts';
import { STEM_KERNEL, STEM_STRIDE, STEM_VALUES } from './tensors.ts';

const COLOURS = 3;
/** The activation's bounds (ReLU6). */
const CLAMP = [0, 6] as const;
const UNBOUNDED = [-Infinity, Infinity] as const;

/** What an encoder makes of a picture. */
export interface SeenPicture {
  /** [labels] logits */
  readonly scores: Float32Array;
  /** [nFeature] mean of the last map's positions */
  readonly features: Float32Array;
}

interface Block {
  readonly facts: VisionBlock;
  readonly shape: BlockShape;
  readonly expand: Linear | null;
  readonly depthwise: Linear;
  readonly project: Linear;
}

export class ImageEncoder {
  readonly config: VisionConfig;
  readonly #plan: VisionPlan;
  readonly #kernels: KernelExports;
  readonly #ops: Ops;
  readonly #memory: WebAssembly.Memory;
  readonly #stem: Linear;
  readonly #blocks: readonly Block[];
  readonly #head: Linear;
  readonly #classes: Linear;
  /** Eyes of a language model that sees through this encoder. */
  readonly projector: PictureProjector;

  constructor(
    config: VisionConfig,
    plan: VisionPlan,
    weights: WeightMap,
    kernels: KernelExports,
    memory: WebAssembly.Memory,
  ) {
    this.config = config;
    this.#plan = plan;
    this.#kernels = kernels;
    this.#ops = new Ops(kernels);
    this.#memory = memory;
    this.projector = new PictureProjector(memory, kernels, this.#ops, plan.regions.eyes);
    this.#stem = linearOf(weights, 'stem');
    const shapes = blockShapes(config);
    this.#blocks = config.blocks.map((facts, i) => {
      const part = (name: string) => linearOf(weights, `layers.${i}.${name}`);
      const expand = facts.isExpanded ? part('expand') : null;
      return {
        ...{ facts, shape: shapes[i]!, expand },
        ...{ depthwise: part('depthwise'), project: part('project') },
      };
    });
    this.#head = linearOf(weights, 'head');
    this.#classes = linearOf(weights, 'classes');
  }

  /** In parts, between which others may run. @param rgb [side, side, 3] */
  *see(rgb: Uint8Array): Steps<SeenPicture> {
    return this.#conclude(yield* this.#lastMap(rgb));
  }

  /** The last map as a grid of vectors. @param grid vectors a side @returns [grid * grid, nFeature] */
  *look(rgb: Uint8Array, grid: number): Steps<Float32Array> {
    const { nPosition } = yield* this.#lastMap(rgb);
    const { nFeature } = this.config;
    const stride = rowStride(nFeature);
    const { address } = this.#plan.regions.wide;
    const map = new Float32Array(this.#memory.buffer, address, nPosition * stride);
    return poolMap(map, { side: this.lastSide, stride, width: nFeature }, grid);
  }

  /** The picture as rows of the eyes that are held. @returns [grid * grid, nEmbd] of them */
  *show(rgb: Uint8Array): Steps<Float32Array> {
    const { held } = this.projector;
    return this.projector.project(yield* this.look(rgb, held?.eyes.grid ?? 1));
  }

  /** Positions a side of the last map. */
  get lastSide(): number {
    return this.#blocks.at(-1)!.shape.outSide;
  }

  /** Leaves the last map in `wide`. */
  *#lastMap(rgb: Uint8Array): Steps<{ readonly nPosition: number }> {
    const { even, odd } = this.#plan.regions;
    let [from, to] = [even.address, odd.address];
    this.#runStem(rgb, from);
    for (const block of this.#blocks) {
      yield;
      const isSum = this.#runBlock(block, from, to);
      if (!isSum) [from, to] = [to, from];
    }
    yield;
    const { outSide, nOut } = this.#blocks.at(-1)!.shape;
    const nPosition = outSide * outSide;
    this.#product(
      this.#head,
      { from, width: nOut },
      nPosition,
      this.#plan.regions.wide.address,
      CLAMP,
    );
    return { nPosition };
  }

  /** The first convolution: each position reads its neighbours' colours as one row. */
  #runStem(rgb: Uint8Array, out: number): void {
    const { side, nStem } = this.config;
    const outSide = sideAfter(side, STEM_STRIDE);
    const stride = rowStride(STEM_VALUES);
    const { address } = this.#plan.regions.rows;
    const rows: Rows = { address, stride, panels: this.#plan.regions.panels.address };
    const outStride = rowStride(nStem);
    for (let first = 0; first < outSide * outSide; first += VISION_ROWS) {
      const n = Math.min(VISION_ROWS, outSide * outSide - first);
      this.#gather(rgb, new Float32Array(this.#memory.buffer, address, n * stride), first, outSide);
      const y = out + first * outStride * 4;
      this.#multiply(this.#stem, rows, n, y, false);
      this.#kernels.biasClampRows(y, this.#stem.bias, nStem, n, outStride, ...CLAMP);
    }
  }

  /** Rows of the values around positions `first` and after, zero outside of the picture. */
  #gather(rgb: Uint8Array, rows: Float32Array, first: number, outSide: number): void {
    const { side, mean, deviation } = this.config;
    const stride = rowStride(STEM_VALUES);
    const before = zerosBefore(side, outSide, STEM_KERNEL, STEM_STRIDE);
    rows.fill(0);
    for (let at = 0, position = first; at < rows.length; at += stride, position++) {
      const top = Math.floor(position / outSide) * STEM_STRIDE - before;
      const left = (position % outSide) * STEM_STRIDE - before;
      for (let tap = 0; tap < STEM_KERNEL * STEM_KERNEL; tap++) {
        const y = top + Math.floor(tap / STEM_KERNEL);
        const x = left + (tap % STEM_KERNEL);
        if (y < 0 || x < 0 || y >= side || x >= side) continue;
        const from = (y * side + x) * COLOURS;
        const to = at + tap * COLOURS;
        for (let c = 0; c < COLOURS; c++)
          rows[to + c] = (rgb[from + c]! - mean[c]!) / deviation[c]!;
      }
    }
  }

  /** @returns whether the result was added to the input, where it lies */
  #runBlock(
    { facts, shape, expand, depthwise, project }: Block,
    from: number,
    to: number,
  ): boolean {
    const { side, outSide, nIn, nWide, nOut } = shape;
    const { wide, narrowed } = this.#plan.regions;
    if (expand !== null)
      this.#product(expand, { from, width: nIn }, side * side, wide.address, CLAMP);
    const { kernel, stride } = facts;
    const { weight, bias } = depthwise;
    this.#kernels.depthwise(
      ...([expand === null ? from : wide.address, weight.address, bias, narrowed.address] as const),
      ...([side, side, outSide, outSide, nWide, rowStride(nWide), kernel, stride] as const),
      zerosBefore(side, outSide, kernel, stride),
      ...CLAMP,
    );
    const isSum = stride === 1 && nIn === nOut;
    const rows = { from: narrowed.address, width: nWide };
    this.#product(project, rows, outSide * outSide, isSum ? from : to, UNBOUNDED, isSum);
    return isSum;
  }

  /** The mean of the last map, and the classes' scores. */
  #conclude({ nPosition }: { readonly nPosition: number }): SeenPicture {
    const { nFeature, labels } = this.config;
    const { wide, rows, panels, scores } = this.#plan.regions;
    const stride = rowStride(nFeature);
    const mean: Rows = { address: rows.address, stride, panels: panels.address };
    new Float32Array(this.#memory.buffer, mean.address, stride).fill(0);
    this.#kernels.meanRows(wide.address, mean.address, nFeature, nPosition, stride);
    this.#multiply(this.#classes, mean, 1, scores.address, false);
    this.#kernels.addBias(scores.address, this.#classes.bias, labels.length, 1, 0);
    const { buffer } = this.#memory;
    return {
      scores: new Float32Array(buffer, scores.address, labels.length).slice(),
      features: new Float32Array(buffer, mean.address, nFeature).slice(),
    };
  }

  /** out = clamp(W x + bias), or out + W x + bias, a slice of rows at a time. */
  #product(
    linear: Linear,
    x: { readonly from: number; readonly width: number },
    nTok: number,
    out: number,
    [low, high]: readonly [number, number],
    add = false,
  ): void {
    const { weight, bias } = linear;
    const [stride, outStride] = [rowStride(x.width), rowStride(weight.nRow)];
    for (let first = 0; first < nTok; first += VISION_ROWS) {
      const n = Math.min(VISION_ROWS, nTok - first);
      const address = x.from + first * stride * 4;
      const y = out + first * outStride * 4;
      const rows: Rows = { address, stride, panels: this.#plan.regions.panels.address };
      this.#multiply(linear, rows, n, y, add);
      this.#kernels.biasClampRows(y, bias, weight.nRow, n, outStride, low, high);
    }
  }

  #multiply({ weight }: Linear, rows: Rows, n: number, y: number, add: boolean): void {
    this.#ops.quantize(rows, n, weight);
    this.#ops.matmul(weight, rows, n, y, rowStride(weight.nRow), add);
  }
}

/** Zeros before a side, of those that a convolution needs around it; one fewer than after where they are odd. */
function zerosBefore(side: number, outSide: number, kernel: number, stride: number): number {
  return Math.floor(Math.max(0, (outSide - 1) * stride + kernel - side) / 2);
}
