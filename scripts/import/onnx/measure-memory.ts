/** The WebAssembly memory a model takes, in the runtime that will serve it. */
import type { OnnxManifest, OnnxValueRow } from '../../../engine/manifest/onnx.ts';
import type { OnnxModel } from '../../../worker/onnx/load-model.ts';
import { MAX_TENSOR_ELEMENTS } from '../../../worker/onnx/check-feeds.ts';
import { TENSOR_ARRAYS } from '../../../worker/onnx/tensors.ts';
import type { OnnxTensorData, OnnxTensors } from '../../../worker/onnx/tensors.ts';
import { loadLocalOnnx, openOrtRuntime } from '../../node-host/onnx.ts';

/** @returns what onnxruntime said when it could not run on zeros, too; the peak is then an estimate. */
export async function measureMemory(
  dir: string,
  manifest: OnnxManifest,
  exercise: (model: OnnxModel) => Promise<void>,
): Promise<{ memory: OnnxManifest['memory']; failure: unknown }> {
  const runtime = await openOrtRuntime();
  const model = await loadLocalOnnx(runtime, dir, manifest);
  const loadedBytes = runtime.memoryBytes;
  const failure: unknown = await exercise(model).then(
    () => null,
    (error: unknown) => error,
  );
  return { memory: { loadedBytes, peakBytes: runtime.memoryBytes }, failure };
}

/** Each graph once, on zeros of the largest shapes. */
export async function exerciseOnZeros(model: OnnxModel): Promise<void> {
  for (const { name, inputs } of model.manifest.graphs) {
    const feeds: OnnxTensors = Object.fromEntries(inputs.map((row) => [row.name, zeros(row)]));
    await model.run(name, feeds);
  }
}

function zeros({ dtype, shape }: OnnxValueRow): OnnxTensorData {
  const dims = shape.map((dim) => (typeof dim === 'number' ? dim : dim.max));
  const elements = Math.min(
    MAX_TENSOR_ELEMENTS,
    dims.reduce((product, dim) => product * dim, 1),
  );
  return { dtype, dims, data: new TENSOR_ARRAYS[dtype](elements) };
}
