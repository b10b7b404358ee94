/** The second half of a layer: gated, plain, or a mixture of experts. */
import type { Architecture } from '../../archs/types.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import type { Rows } from '../../ops/ops.ts';
import type { WeightRef } from '../../ops/weights.ts';
import type { FfnWeights, LayerWeights } from '../memory/layer-weights.ts';
import { Router } from './router.ts';
import type { Workspace } from './workspace.ts';

/** hidden += the output of the half for normed; T rows. */
export type RunFeedForward = (w: LayerWeights, T: number) => void;

/** The feed-forward half of an architecture. */
export function feedForward(space: Workspace): RunFeedForward {
  return FEED_FORWARDS[space.arch.ffn](space);
}

const FEED_FORWARDS: Record<Architecture['ffn'], (space: Workspace) => RunFeedForward> = {
  gated: wholeFfn,
  plain: wholeFfn,
  experts: mixedFfn,
};

function wholeFfn(space: Workspace): RunFeedForward {
  const inner = new InnerRows(space);
  return (w, T) => {
    inner.fill(w.ffn, space.normed, T);
    // The gate has been read: its place is scratch for what is added.
    const { downProj, downBias } = w.ffn;
    space.leaveHalf(inner.rows, T, downProj, downBias, w.ffnPostNorm, inner.gate);
  };
}

/** Runs each expert once for all tokens that chose it, in the order of experts whatever the batch is. */
function mixedFfn(space: Workspace): RunFeedForward {
  const inner = new InnerRows(space);
  const router = new Router(space);
  const { ops, stride } = space;
  const chosen = space.rows('expertInput', 'expertInputPanels', space.config.nEmbd);
  return (w, T) => {
    router.route(w.router!, T);
    for (const [e, expert] of w.experts.entries()) {
      const tokens = router.tokensOf(e);
      const n = tokens.length;
      if (n === 0) continue;
      router.gather(tokens, chosen);
      inner.fill(expert, chosen, n);
      ops.quantize(inner.rows, n, expert.downProj);
      ops.matmul(expert.downProj, inner.rows, n, inner.gate, stride);
      for (const [i, { token, weight }] of tokens.entries())
        space.addRow(token, inner.gate + i * stride * 4, weight);
    }
  };
}

type Activate = (k: KernelExports, gate: number, up: number, n: number) => void;
/** up = act(gate) * up. */
const GATED: Record<Architecture['activation'], Activate> = {
  silu: (k, gate, up, n) => k.siluMul(gate, up, up, n),
  gelu: (k, gate, up, n) => k.geluMul(gate, up, up, n),
};
/** up = act(up). */
const PLAIN: Record<Architecture['activation'], Activate> = {
  silu: (k, _, up, n) => k.siluRow(up, up, n),
  gelu: (k, _, up, n) => k.geluRow(up, up, n),
};

/** The wide rows between the two products of a feed-forward network. */
class InnerRows {
  readonly rows: Rows;
  readonly gate: number;
  readonly #space: Workspace;
  readonly #activate: Activate;

  constructor(space: Workspace) {
    const { arch, config } = space;
    this.#space = space;
    this.rows = space.rows('up', 'upPanels', config.nFf);
    this.gate = space.at('gate');
    this.#activate = (arch.ffn === 'plain' ? PLAIN : GATED)[arch.activation];
  }

  /** rows = act(gate x + bias) * (up x + bias), or act(up x + bias); T rows of x. */
  fill(w: FfnWeights, x: Rows, T: number): void {
    const { ops, kernels, config } = this.#space;
    const { address, stride } = this.rows;
    const { gateProj, upProj } = w;
    ops.quantize(x, T, upProj, gateProj ?? upProj);
    if (gateProj !== null) ops.matmul(gateProj, x, T, this.gate, stride);
    ops.matmul(upProj, x, T, address, stride);
    this.#addBias(this.gate, w.gateBias, T);
    this.#addBias(address, w.upBias, T);
    this.#activate(kernels, this.gate, address, T * stride);
    this.#space.clearPadding(this.rows, config.nFf, T);
  }

  #addBias(x: number, bias: WeightRef | null, T: number): void {
    if (bias === null) return;
    this.#space.kernels.addBias(x, bias.address, bias.nCol, T, this.rows.stride);
  }
}
