/** What ONNX models take of an isolate, from what import measured. */
import type { OnnxManifest } from '../../engine/manifest/manifest.ts';

export const ISOLATE_BYTES = 128 * 1024 * 1024;
/**
 * JavaScript: this script, one graph's weights while they are copied, tensors and a picture on their
 * way. Measured by scripts/bench/workloads/onnx-memory.ts: 32 MB of heap and 10 of buffers behind it.
 */
export const JS_HEAP_BYTES = 44 * 1024 * 1024;
/** What onnxruntime's memory begins with: 256 pages, of which it fills about 7 MB by itself. */
export const ORT_BASE_BYTES = 16 * 1024 * 1024;

/** Bytes of an isolate with these models: what they hold, and the largest run on top. */
export function plannedBytes(plans: readonly OnnxManifest['memory'][]): number {
  const held = plans.map(({ loadedBytes }) => Math.max(0, loadedBytes - ORT_BASE_BYTES));
  const runs = plans.map(({ loadedBytes, peakBytes }) => Math.max(0, peakBytes - loadedBytes));
  const sum = held.reduce((total, bytes) => total + bytes, 0);
  return JS_HEAP_BYTES + ORT_BASE_BYTES + sum + Math.max(0, ...runs);
}
