/**
 * The kernel module as the engine sees it: typed exports over one memory. Knows no shapes of models.
 * WebAssembly cannot be compiled from bytes inside a Worker's handler, so hosts provide compiled modules.
 */
import { EngineError } from '../../base/errors.ts';

/** Both builds; `relaxed` is null where the host could not compile it. */
export interface KernelModules {
  readonly relaxed: WebAssembly.Module | null;
  readonly simd: WebAssembly.Module;
}

type Address = number;
type Quantize = (
  src: Address,
  srcStride: number,
  nTok: number,
  nBlock: number,
  dst: Address,
) => void;
type MatmulOne = (
  w: Address,
  rows: Address,
  x: Address,
  y: Address,
  nPanel: number,
  nBlock: number,
  add: number,
) => void;
type MatmulMany = (
  w: Address,
  rows: Address,
  x: Address,
  y: Address,
  nPanel: number,
  nBlock: number,
  nTok: number,
  yStride: number,
  add: number,
) => void;
type MatmulFloat = (
  w: Address,
  x: Address,
  y: Address,
  nRow: number,
  nCol8: number,
  nTok: number,
  xStride: number,
  yStride: number,
  add: number,
) => void;
type Row = (w: Address, rows: Address, row: number, nBlock: number, out: Address) => void;
type Rope = (
  x: Address,
  table: Address,
  nHead: number,
  headDim: number,
  ropeDim: number,
  nTok: number,
  stride: number,
) => void;
type KvWrite = (
  k: Address,
  v: Address,
  section: Address,
  slot: number,
  nKvHead: number,
  headDim: number,
  dimPad: number,
  sectionBytes: number,
) => void;
type Attend = (
  q: Address,
  out: Address,
  scratch: Address,
  nHead: number,
  nKvHead: number,
  headDim: number,
  dimPad: number,
  pageTable: Address,
  layerOffset: number,
  sectionBytes: number,
  n: number,
  scale: number,
  from: number,
  softcap: number,
) => void;

/** Exports of engine/kernels/wasm/assembly/index.ts; each is documented where it is defined. */
export interface KernelExports {
  heapBase(): Address;
  probeDot(): number;
  quantizeRows: Quantize;
  quantizeRowsCoarse: Quantize;
  matmulQ4One: MatmulOne;
  matmulQ4mOne: MatmulOne;
  matmulQ5One: MatmulOne;
  matmulQ5mOne: MatmulOne;
  matmulQ6One: MatmulOne;
  matmulQ6bOne: MatmulOne;
  matmulQ7One: MatmulOne;
  matmulQ8One: MatmulOne;
  matmulQ4Many: MatmulMany;
  matmulQ4mMany: MatmulMany;
  matmulQ5Many: MatmulMany;
  matmulQ5mMany: MatmulMany;
  matmulQ6Many: MatmulMany;
  matmulQ6bMany: MatmulMany;
  matmulQ7Many: MatmulMany;
  matmulQ8Many: MatmulMany;
  matmulF32: MatmulFloat;
  matmulF16: MatmulFloat;
  matmulBf16: MatmulFloat;
  addLowRank(
    a: Address,
    b: Address,
    x: Address,
    h: Address,
    y: Address,
    nRow4: number,
    nCol8: number,
    nPanel: number,
    rank: number,
    nTok: number,
    xStride: number,
    hStride: number,
    yStride: number,
  ): void;
  rowQ4: Row;
  rowQ4m: Row;
  rowQ5: Row;
  rowQ5m: Row;
  rowQ6: Row;
  rowQ6b: Row;
  rowQ7: Row;
  rowQ8: Row;
  rowF32: Row;
  rowF16: Row;
  rowBf16: Row;
  rmsNormRows(
    x: Address,
    weight: Address,
    out: Address,
    n: number,
    nTok: number,
    stride: number,
    eps: number,
  ): void;
  ropeAdjacent: Rope;
  ropeHalf: Rope;
  siluMul(gate: Address, up: Address, out: Address, n: number): void;
  layerNormRows(
    x: Address,
    weight: Address,
    bias: Address,
    out: Address,
    n: number,
    nTok: number,
    stride: number,
    eps: number,
  ): void;
  geluMul(gate: Address, up: Address, out: Address, n: number): void;
  geluRow(x: Address, out: Address, n: number): void;
  biasClampRows(
    y: Address,
    bias: Address,
    n: number,
    nTok: number,
    stride: number,
    low: number,
    high: number,
  ): void;
  depthwise(
    x: Address,
    w: Address,
    bias: Address,
    out: Address,
    height: number,
    width: number,
    outHeight: number,
    outWidth: number,
    n: number,
    stride: number,
    kernel: number,
    step: number,
    before: number,
    low: number,
    high: number,
  ): void;
  meanRows(x: Address, out: Address, n: number, nTok: number, stride: number): void;
  geluErfRow(x: Address, out: Address, n: number): void;
  siluRow(x: Address, out: Address, n: number): void;
  addScaled(y: Address, x: Address, scale: number, n: number): void;
  scaleRow(x: Address, scale: number, n: number): void;
  softcapRow(x: Address, cap: number, n: number): void;
  addBias(y: Address, bias: Address, n: number, nTok: number, stride: number): void;
  kvWriteQ8: KvWrite;
  kvWriteF16: KvWrite;
  attendQ8: Attend;
  attendF16: Attend;
  attendDense(
    q: Address,
    qStride: number,
    k: Address,
    v: Address,
    kvStride: number,
    out: Address,
    outStride: number,
    scratch: Address,
    nQuery: number,
    nKey: number,
    nHead: number,
    headDim: number,
    scale: number,
  ): void;
  maxSim(
    a: Address,
    nA: number,
    b: Address,
    nB: number,
    width: number,
    stride: number,
    out: Address,
  ): void;
  argmax(x: Address, n: number): number;
  sumExp(x: Address, n: number, top: number): number;
}

export type KernelBuild = 'relaxed' | 'simd';

/** The unit of WebAssembly memory (WebAssembly core specification). */
export const WASM_PAGE_BYTES = 64 * 1024;

/** A memory of at least `bytes` that never grows, since all of it is planned. */
export function createMemory(bytes: number): WebAssembly.Memory {
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES);
  return new WebAssembly.Memory({ initial: pages, maximum: pages });
}

/** Bytes at the start of the memory that belong to the kernels' static data. */
export const KERNEL_STATIC_BYTES = 64 * 1024;

/**
 * Instantiates the fastest build that passes its probe.
 * @throws {EngineError} E_BACKEND_UNAVAILABLE when neither does.
 */
export async function instantiateKernels(
  modules: KernelModules,
  memory: WebAssembly.Memory,
  only?: KernelBuild,
): Promise<{ exports: KernelExports; build: KernelBuild }> {
  for (const build of ['relaxed', 'simd'] as const) {
    const module = modules[build];
    if (module === null || (only !== undefined && only !== build)) continue;
    const instance = await WebAssembly.instantiate(module, { env: { memory } });
    const exports = instance.exports as unknown as KernelExports;
    if (exports.heapBase() > KERNEL_STATIC_BYTES) {
      throw new EngineError(
        'E_INTERNAL',
        `kernels: static data; expected at most ${KERNEL_STATIC_BYTES} bytes, got ${exports.heapBase()}. ` +
          'Raise KERNEL_STATIC_BYTES.',
      );
    }
    if (exports.probeDot() === 1) return { exports, build };
  }
  throw new EngineError(
    'E_BACKEND_UNAVAILABLE',
    'kernels: no build runs on this host; expected WebAssembly SIMD128. Use a newer runtime.',
  );
}
