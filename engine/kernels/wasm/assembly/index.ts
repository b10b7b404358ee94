// The kernel module's exports. Compiled twice by scripts/build/kernels.ts: with relaxed SIMD and
// without; both give the same integers (see simd.ts). All pointers are byte addresses into the one
// imported memory; callers align matrices and panels to 16 bytes. No kernel allocates.
export { quantizeRows, quantizeRowsCoarse } from './quantize';
export { matmulQ4One, matmulQ4Many, matmulQ4mOne, matmulQ4mMany } from './matmul-q4';
export { matmulQ5One, matmulQ5Many, matmulQ5mOne, matmulQ5mMany } from './matmul-q5';
export { matmulQ6One, matmulQ6Many } from './matmul-q6';
export { matmulQ6bOne, matmulQ6bMany } from './matmul-q6b';
export { matmulQ7One, matmulQ7Many } from './matmul-q7';
export { matmulQ8One, matmulQ8Many } from './matmul-q8';
export { matmulF32, matmulF16, matmulBf16 } from './matmul-float';
export { addLowRank } from './low-rank';
export { rowQ4, rowQ4m, rowQ5, rowQ5m, rowQ6, rowQ6b, rowQ7, rowQ8, rowF32, rowF16, rowBf16 } from './row';
export { rmsNormRows, ropeAdjacent, ropeHalf, siluMul, addBias } from './elementwise';
export { biasClampRows, depthwise, meanRows } from './convolve';
export { layerNormRows } from './layer-norm';
export { geluMul, geluRow, geluErfRow, siluRow, addScaled, scaleRow, softcapRow } from './activation';
export { kvWriteQ8, kvWriteF16 } from './kv-write';
export { attendQ8, attendF16 } from './attend';
export { attendDense } from './attend-dense';
export { maxSim } from './max-sim';
export { argmax, sumExp } from './logits';
export { heapBase, probeDot } from './probe';
