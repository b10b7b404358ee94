/** Tiny ONNX models for tests. */
import { writeOnnxModel } from '../../engine/onnx/write-model.ts';
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode } from '../../engine/onnx/types.ts';
import { WireWriter } from '../../engine/onnx/wire.ts';

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

/** v = n + 0 by n turns of a loop, which never ends for a large n. */
export function countingBytes(): Uint8Array {
  const scalar = (name: string, dtype: 'int64' | 'bool') => ({ name, dtype, dims: [] }) as const;
  const number = (name: string, value: bigint) => ({
    ...scalar(name, 'int64'),
    place: { kind: 'inline', bytes: new Uint8Array(BigInt64Array.of(value).buffer) } as const,
  });
  const body = model({
    inputs: [scalar('turn', 'int64'), scalar('go', 'bool'), scalar('before', 'int64')],
    outputs: [scalar('go_on', 'bool'), scalar('after', 'int64')],
    nodes: [node('Identity', ['go'], ['go_on']), node('Add', ['before', 'one'], ['after'])],
  });
  const yes = {
    ...scalar('yes', 'bool'),
    place: { kind: 'inline', bytes: Uint8Array.of(1) } as const,
  };
  return writeOnnxModel(
    model({
      inputs: [scalar('n', 'int64')],
      outputs: [scalar('v', 'int64')],
      initializers: [number('zero', 0n), number('one', 1n), yes],
      nodes: [
        node('Loop', ['n', 'yes', 'zero'], ['v'], { attributes: [graphAttribute('body', body)] }),
      ],
    }),
  );
}

/** AttributeProto.AttributeType. */
const ATTRIBUTE_GRAPH = 5;

function graphAttribute(name: string, { graph, irVersion }: OnnxModel): OnnxAttribute {
  const bytes = writeOnnxModel({ irVersion, opsets: [], graph });
  // A model is its version (2 bytes), and the graph with its key and its length before it.
  const lengthBytes = bytes.subarray(3).findIndex((byte) => byte < 128) + 1;
  const raw = new WireWriter()
    .text(1, name)
    .bytes(6, bytes.subarray(3 + lengthBytes))
    .int(20, ATTRIBUTE_GRAPH)
    .done();
  return { name, raw, graphs: [graph] };
}

export const linearBytes = (): Uint8Array => writeOnnxModel(linearModel());
