/** Tiny ONNX models for tests. */
import { writeOnnxModel } from '../../engine/onnx/write-model.ts';
import type { OnnxGraph, OnnxModel, OnnxNode } from '../../engine/onnx/types.ts';

export function node(
  opType: string,
  inputs: string[],
  outputs: string[],
  more: Partial<OnnxNode> = {},
): OnnxNode {
  return {
    name: `${opType}_${outputs[0]}`,
    opType,
    domain: '',
    inputs,
    outputs,
    attributes: [],
    ...more,
  };
}

export function model(graph: Partial<OnnxGraph>, more: Partial<OnnxModel> = {}): OnnxModel {
  const empty = { name: 'g', nodes: [], initializers: [], inputs: [], outputs: [], values: [] };
  return {
    irVersion: 8,
    opsets: [{ domain: '', version: 17 }],
    graph: { ...empty, ...graph },
    ...more,
  };
}

/** y[batch, 3] = x[batch, 2] W + b, and i = j + 1. */
export function linearModel(): OnnxModel {
  const floats = (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);
  const inline = (bytes: Uint8Array) => ({ kind: 'inline', bytes }) as const;
  return model({
    inputs: [
      { name: 'x', dtype: 'float32', dims: ['batch', 2] },
      { name: 'j', dtype: 'int64', dims: [] },
    ],
    outputs: [
      { name: 'y', dtype: 'float32', dims: ['batch', 3] },
      { name: 'i', dtype: 'int64', dims: [] },
    ],
    initializers: [
      { name: 'w', dtype: 'float32', dims: [2, 3], place: inline(floats([1, 2, 3, 4, 5, 6])) },
      { name: 'b', dtype: 'float32', dims: [3], place: inline(floats([0.5, 0, -0.5])) },
      {
        name: 'one',
        dtype: 'int64',
        dims: [],
        place: inline(new Uint8Array(BigInt64Array.of(1n).buffer)),
      },
    ],
    nodes: [
      node('MatMul', ['x', 'w'], ['xw']),
      node('Add', ['xw', 'b'], ['y']),
      node('Add', ['j', 'one'], ['i']),
    ],
  });
}

export const linearBytes = (): Uint8Array => writeOnnxModel(linearModel());
