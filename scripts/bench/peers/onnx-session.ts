/** An ONNX graph on onnxruntime-web in this process, one thread: a peer of our own engines. */
import { readFile } from 'node:fs/promises';
import { EngineError } from '../../../engine/base/errors.ts';

/** @throws {EngineError} E_USAGE for a graph that cannot be read */
export async function openOnnxSession(path: string) {
  const ort = await import('onnxruntime-web');
  ort.env.wasm.numThreads = 1;
  const graph = await readFile(path).catch((cause: unknown) => {
    throw new EngineError('E_USAGE', `bench: ${path} cannot be read. Give an .onnx file.`, {
      cause,
    });
  });
  const session = await ort.InferenceSession.create(graph, {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
  });
  return { session, Tensor: ort.Tensor };
}
