/** Memory that ONNX models need in an isolate, from what import measured. */
import type { OnnxManifest } from '../../engine/manifest/manifest.ts';

export const ISOLATE_BYTES = 128 * 1024 * 1024;
/**
 * JavaScript's share: this script, one graph's weights while they are copied, tensors and an image in
 * transit. Measured by scripts/bench/workloads/onnx-memory.ts: 32 MB of heap and 10 MB of buffers.
 */
export const JS_HEAP_BYTES = 44 * 1024 * 1024;
/** Initial size of onnxruntime's memory: 256 pages, of which it uses about 7 MB itself. */
export const ORT_BASE_BYTES = 16 * 1024 * 1024;

/** Bytes of an isolate with these models: what they hold while idle, and the largest run on top. */
export function plannedBytes(plans: readonly OnnxManifest['memory'][]): number {
  const held = plans.map(({ loadedBytes }) => Math.max(0, loadedBytes - ORT_BASE_BYTES));
  const runs = plans.map(({ loadedBytes, peakBytes }) => Math.max(0, peakBytes - loadedBytes));
  const sum = held.reduce((total, bytes) => total + bytes, 0);
  return JS_HEAP_BYTES + ORT_BASE_BYTES + sum + Math.max(0, ...runs);
}
