// Exports of the kernels of training. References are in engine/kernels/reference/training.ts.
export { gemm, gemmScratchBytes } from './gemm';
export {
  addBias,
  addRows,
  clear,
  copy,
  crossEntropy,
  divergence,
  gatherRows,
  rmsNorm,
  rmsNormBack,
  rmsNormBackWeight,
  ropeHalves,
  scaleRows,
  scatterRows,
  softmaxCausal,
  softmaxCausalBack,
  swiglu,
  swigluBack,
  unitRows,
  unitRowsBack,
} from './rows';
export { rowBf16, rowF16, rowF32, rowQ4, rowQ4m, rowQ5, rowQ5m, rowQ6, rowQ6b, rowQ7, rowQ8 } from '../row';
export { adamw, sumSquares } from './optimizer';

/** First byte after static data; buffers begin at or above it. */
export function heapBase(): usize {
  return __heap_base;
}
