/** The kernels of training as TypeScript sees them: typed exports over one memory that threads share. */
import { EngineError } from '../../base/errors.ts';
import { KERNEL_STATIC_BYTES } from './module.ts';

type Address = number;

/** One row of a packed weight as f32, padded to its groups. */
type ReadRow = (w: Address, rows: Address, row: number, nGroup: number, out: Address) => void;

/** Exports of engine/kernels/wasm/assembly/training/index.ts; each is documented where it is defined. */
export interface TrainingKernels {
  heapBase(): Address;
  gemmScratchBytes(): number;
  gemm(
    m: number,
    n: number,
    k: number,
    a: Address,
    aRow: number,
    aCol: number,
    b: Address,
    bRow: number,
    bCol: number,
    c: Address,
    cRow: number,
    add: number,
    scratch: Address,
  ): void;
  rmsNorm(
    x: Address,
    w: Address,
    y: Address,
    rstd: Address,
    n: number,
    nRow: number,
    eps: number,
  ): void;
  rmsNormBack(
    dy: Address,
    x: Address,
    w: Address,
    rstd: Address,
    dx: Address,
    n: number,
    nRow: number,
    add: number,
  ): void;
  rmsNormBackWeight(
    dy: Address,
    x: Address,
    rstd: Address,
    dw: Address,
    from: number,
    to: number,
    n: number,
    nRow: number,
  ): void;
  ropeHalves(
    x: Address,
    table: Address,
    nHead: number,
    headDim: number,
    firstRow: number,
    nRow: number,
    nPosition: number,
    sign: number,
  ): void;
  swiglu(gate: Address, up: Address, y: Address, n: number): void;
  swigluBack(
    gate: Address,
    up: Address,
    dy: Address,
    dGate: Address,
    dUp: Address,
    n: number,
  ): void;
  softmaxCausal(s: Address, first: number, nRow: number, n: number, scale: number): void;
  softmaxCausalBack(p: Address, dp: Address, nRow: number, n: number, scale: number): void;
  crossEntropy(
    logits: Address,
    targets: Address,
    weights: Address,
    losses: Address,
    n: number,
    nRow: number,
  ): void;
  divergence(
    logits: Address,
    ids: Address,
    shares: Address,
    k: number,
    weights: Address,
    losses: Address,
    n: number,
    nRow: number,
  ): void;
  unitRows(x: Address, y: Address, inverses: Address, n: number, nRow: number, scale: number): void;
  unitRowsBack(
    dy: Address,
    y: Address,
    inverses: Address,
    dx: Address,
    n: number,
    nRow: number,
    scale: number,
  ): void;
  gatherRows(table: Address, ids: Address, out: Address, n: number, nRow: number): void;
  scatterRows(
    dy: Address,
    ids: Address,
    dTable: Address,
    from: number,
    to: number,
    n: number,
    nRow: number,
  ): void;
  addBias(x: Address, bias: Address, n: number, nRow: number): void;
  scaleRows(x: Address, factors: Address, n: number, nRow: number): void;
  copy(x: Address, y: Address, n: number): void;
  clear(x: Address, n: number): void;
  addRows(a: Address, b: Address, y: Address, n: number): void;
  rowQ4: ReadRow;
  rowQ4m: ReadRow;
  rowQ5: ReadRow;
  rowQ5m: ReadRow;
  rowQ6: ReadRow;
  rowQ6b: ReadRow;
  rowQ7: ReadRow;
  rowQ8: ReadRow;
  rowF32: ReadRow;
  rowF16: ReadRow;
  rowBf16: ReadRow;
  sumSquares(x: Address, n: number): number;
  adamw(
    w: Address,
    g: Address,
    m: Address,
    v: Address,
    n: number,
    rate: number,
    beta1: number,
    beta2: number,
    eps: number,
    decay: number,
    mScale: number,
    vScale: number,
    gScale: number,
  ): void;
}

/** @param memory shared; its size never changes */
export async function instantiateTraining(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Promise<TrainingKernels> {
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  const kernels = instance.exports as unknown as TrainingKernels;
  if (kernels.heapBase() > KERNEL_STATIC_BYTES)
    throw new EngineError('E_INTERNAL', 'training kernels: static data is larger than planned.');
  return kernels;
}
