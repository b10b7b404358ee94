/**
 * What the parts of a forward pass share: the stream of hidden rows, regions of memory, and the few
 * steps every half of a layer begins and ends with. Choices of a family are made here once.
 */
import type { Architecture } from '../../archs/types.ts';
import type { ModelConfig } from '../../manifest/manifest.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import { Ops } from '../../ops/ops.ts';
import type { Rows } from '../../ops/ops.ts';
import type { WeightRef } from '../../ops/weights.ts';
import type { NormRef } from '../memory/layer-weights.ts';
import { rowStride } from '../memory/layout.ts';
import { MAX_ADAPTER_RANK } from './plan.ts';
import type { MemoryPlan, RegionName } from './plan.ts';

/** nTok rows of norm.n values, `stride` apart, from `x` to `out`, which may be `x`. */
type RunNorm = (norm: NormRef, x: number, out: number, nTok: number, stride: number) => void;

export class Workspace {
  readonly config: ModelConfig;
  readonly arch: Architecture;
  readonly plan: MemoryPlan;
  readonly kernels: KernelExports;
  readonly memory: WebAssembly.Memory;
  readonly ops: Ops;
  /** The residual stream, [T, stride] f32. */
  readonly hidden: number;
  readonly stride: number;
  /** The input of a half of a layer. */
  readonly normed: Rows;
  readonly norm: RunNorm;
  readonly #residualScale: number;

  constructor(
    arch: Architecture,
    config: ModelConfig,
    plan: MemoryPlan,
    kernels: KernelExports,
    memory: WebAssembly.Memory,
  ) {
    this.config = config;
    this.arch = arch;
    this.plan = plan;
    this.kernels = kernels;
    this.memory = memory;
    const stride = rowStride(MAX_ADAPTER_RANK);
    this.ops = new Ops(kernels, { address: this.at('adapterRows'), stride });
    this.hidden = this.at('hidden');
    this.stride = rowStride(config.nEmbd);
    this.normed = this.rows('normed', 'normedPanels', config.nEmbd);
    this.norm = NORMS[arch.norm](kernels, config.normEps);
    this.#residualScale = config.residualScale ?? 1;
  }

  at(name: RegionName): number {
    return this.plan.regions[name].address;
  }

  rows(name: RegionName, panels: RegionName, width: number): Rows {
    return { address: this.at(name), stride: rowStride(width), panels: this.at(panels) };
  }

  /** normed = norm(hidden), or hidden itself for halves without a norm before them; T rows. */
  enterHalf(norm: NormRef | null, T: number): void {
    const { hidden, normed, stride, config, memory } = this;
    if (norm !== null) this.norm(norm, hidden, normed.address, T, stride);
    else copyRows(memory, hidden, normed.address, config.nEmbd, T, stride);
  }

  /**
   * hidden += scale * norm(W x + bias), each where a family has it.
   * @param scratch room for T rows, for families that change the product before it is added
   */
  leaveHalf(
    x: Rows,
    T: number,
    proj: WeightRef,
    bias: WeightRef | null,
    norm: NormRef | null,
    scratch: number,
  ): void {
    const { hidden, stride, kernels, config } = this;
    const isDirect = norm === null && this.#residualScale === 1;
    const out = isDirect ? hidden : scratch;
    this.ops.quantize(x, T, proj);
    this.ops.matmul(proj, x, T, out, stride, isDirect);
    if (bias !== null) kernels.addBias(out, bias.address, config.nEmbd, T, stride);
    if (isDirect) return;
    if (norm !== null) this.norm(norm, out, out, T, stride);
    kernels.addScaled(hidden, out, this.#residualScale, T * stride);
  }

  /** hidden[i] = hidden[rows[i]], for ascending rows, and with them the adapters they carry. */
  keepRows(rows: readonly number[]): void {
    this.ops.keepRows(rows);
    const bytes = new Uint8Array(this.memory.buffer);
    const rowBytes = this.stride * 4;
    for (const [i, row] of rows.entries()) {
      const from = this.hidden + row * rowBytes;
      if (row !== i) bytes.copyWithin(this.hidden + i * rowBytes, from, from + rowBytes);
    }
  }

  /** hidden[row] += weight * x, for one row. */
  addRow(row: number, x: number, weight: number): void {
    const to = this.hidden + row * this.stride * 4;
    this.kernels.addScaled(to, x, weight * this.#residualScale, this.stride);
  }

  /** Writes zeros after the last value of each row: another phase has written there. */
  clearPadding({ address, stride }: Rows, width: number, T: number): void {
    if (width === stride) return;
    const rows = new Float32Array(this.memory.buffer, address, T * stride);
    for (let t = 0; t < T; t++) rows.fill(0, t * stride + width, (t + 1) * stride);
  }
}

const NORMS: Record<Architecture['norm'], (kernels: KernelExports, eps: number) => RunNorm> = {
  rms: (kernels, eps) => (norm, x, out, nTok, stride) =>
    kernels.rmsNormRows(x, norm.weight, out, norm.n, nTok, stride, eps),
  layer: (kernels, eps) => (norm, x, out, nTok, stride) =>
    kernels.layerNormRows(x, norm.weight, norm.bias, out, norm.n, nTok, stride, eps),
};

function copyRows(
  memory: WebAssembly.Memory,
  from: number,
  to: number,
  width: number,
  nRow: number,
  stride: number,
): void {
  const bytes = new Uint8Array(memory.buffer);
  for (let at = 0; at < nRow * stride * 4; at += stride * 4)
    bytes.copyWithin(to + at, from + at, from + at + width * 4);
}
