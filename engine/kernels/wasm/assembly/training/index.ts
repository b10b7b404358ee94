// Exports of the kernels of training. References are in engine/kernels/reference/training.ts.
export { gemm, gemmScratchBytes } from './gemm';
export {
  addRows,
  clear,
  copy,
  crossEntropy,
  gatherRows,
  rmsNorm,
  rmsNormBack,
  rmsNormBackWeight,
  ropeHalves,
  scatterRows,
  softmaxCausal,
  softmaxCausalBack,
  swiglu,
  swigluBack,
} from './rows';
export { adamw, sumSquares } from './optimizer';

/** First byte after static data; buffers begin at or above it. */
export function heapBase(): usize {
  return __heap_base;
}
