/** The ONNX reader on files that are right, damaged, and meant to hurt. */
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import { MAX_GRAPH_DEPTH, readOnnxModel } from '../../engine/onnx/read-model.ts';
import { quantizeWeights } from '../../engine/onnx/quantize-weights.ts';
import { subgraph } from '../../engine/onnx/subgraph.ts';
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxTensor } from '../../engine/onnx/types.ts';
import { WireWriter } from '../../engine/onnx/wire.ts';
import { writeOnnxModel } from '../../engine/onnx/write-model.ts';
import { linearBytes, linearModel, model, node } from '../support/onnx-models.ts';
import { seededRandom } from '../support/random.ts';

function refusal(bytes: Uint8Array): EngineError {
  try {
    readOnnxModel('x.onnx', bytes);
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error('expected a refusal');
}

const inline = (...values: number[]) =>
  ({ kind: 'inline', bytes: new Uint8Array(Float32Array.from(values).buffer) }) as const;
const tensor = (changes: Partial<OnnxTensor>): OnnxTensor => ({
  ...{ name: 't', dtype: 'float32', dims: [2], place: inline(1, 2) },
  ...changes,
});

test('what is written is read', () => {
  expect(readOnnxModel('x.onnx', linearBytes())).toEqual(linearModel());
});

describe('refused', () => {
  const external = (location: string, offset = 0, length = 8): Uint8Array =>
    writeOnnxModel(
      model({
        initializers: [tensor({ place: { kind: 'external', location, offset, length } })],
      }),
    );
  const withGraph = (graph: Partial<OnnxGraph>, more: Partial<OnnxModel> = {}) =>
    writeOnnxModel(model(graph, more));
  const x = { name: 'x', dtype: 'float32', dims: [2, 3] } as const;

  test.each([
    ['no bytes', new Uint8Array(0), 'E_FORMAT_INVALID', 'no graph'],
    ['a graph of another time', withGraph({}, { irVersion: 99 }), 'E_FORMAT_VERSION', 'IR version'],
    [
      'an opset of another time',
      withGraph({}, { opsets: [{ domain: '', version: 99 }] }),
      'E_FORMAT_VERSION',
      'opset',
    ],
    ['no opset', withGraph({}, { opsets: [] }), 'E_FORMAT_INVALID', 'opset'],
    [
      'an operator of nobody',
      withGraph({ nodes: [node('Evil', [], ['y'], { domain: 'evil' })] }),
      'E_ARCH_UNKNOWN',
      'Evil of the domain "evil"',
    ],
    [
      'a domain that is not imported',
      withGraph({ nodes: [node('Gelu', [], ['y'], { domain: 'com.microsoft' })] }),
      'E_ARCH_UNKNOWN',
      'imported',
    ],
    [
      'a value made twice',
      withGraph({ nodes: [node('A', [], ['y']), node('B', [], ['y'])] }),
      'E_FORMAT_INVALID',
      '"y" twice',
    ],
    [
      'two shapes of a value',
      withGraph({ inputs: [x], values: [{ ...x, dims: [2, 4] }] }),
      'E_TENSOR_SHAPE',
      '[2, 4]',
    ],
    [
      'an input that its initializer contradicts',
      withGraph({ inputs: [{ ...x, name: 't' }], initializers: [tensor({})] }),
      'E_TENSOR_SHAPE',
      '"t"',
    ],
    [
      'fewer bytes than its shape',
      withGraph({ initializers: [tensor({ dims: [3] })] }),
      'E_TENSOR_SHAPE',
      'expected 12 bytes for its shape, got 8',
    ],
    [
      'a tensor of impossible size',
      withGraph({ initializers: [tensor({ dims: [2 ** 30, 2 ** 30] })] }),
      'E_FORMAT_INVALID',
      'too large',
    ],
    [
      'weights in a folder above',
      external('../../etc/passwd'),
      'E_FORMAT_INVALID',
      'without folders',
    ],
    [
      'weights at an absolute place',
      external('/etc/passwd'),
      'E_FORMAT_INVALID',
      'without folders',
    ],
    ['weights in a hidden way', external('a/../b'), 'E_FORMAT_INVALID', 'without folders'],
    ['weights before the file', external('w.bin', -8), 'E_TENSOR_SHAPE', 'offset'],
    ['weights of another length', external('w.bin', 0, 4), 'E_TENSOR_SHAPE', 'got 4'],
    [
      'a tensor of texts',
      new WireWriter()
        .int(1, 8)
        .message(7, new WireWriter().message(5, new WireWriter().int(1, 1).int(2, 8).text(6, 'a')))
        .message(8, new WireWriter().text(1, '').int(2, 17))
        .done(),
      'E_DTYPE_UNSUPPORTED',
      'ONNX type 8',
    ],
    [
      'functions of its own',
      new WireWriter().int(1, 8).message(25, new WireWriter()).done(),
      'E_FORMAT_INVALID',
      'functions',
    ],
    ['a group', Uint8Array.of(0x0b), 'E_FORMAT_INVALID', 'wire'],
    ['a varint without end', new Uint8Array(20).fill(0xff), 'E_FORMAT_INVALID', 'varint'],
    [
      'a length beyond the file',
      Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f),
      'E_FORMAT_INVALID',
      'cut off',
    ],
  ])('%s', (_title, bytes, code, message) => {
    const error = refusal(bytes);
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(() => JSON.stringify(error.details)).not.toThrow();
  });

  test('subgraphs in subgraphs in subgraphs', () => {
    const nested = (depth: number): OnnxGraph => {
      let graph = model({}).graph;
      for (let i = 0; i < depth; i++) {
        const raw = new WireWriter().text(1, 'body').bytes(6, writeGraphOnly(graph)).done();
        const attribute: OnnxAttribute = { name: 'body', raw, graphs: [] };
        graph = model({ nodes: [node('Loop', [], [`y${i}`], { attributes: [attribute] })] }).graph;
      }
      return graph;
    };
    expect(() =>
      readOnnxModel('x', writeOnnxModel({ ...model({}), graph: nested(MAX_GRAPH_DEPTH) })),
    ).not.toThrow();
    expect(
      refusal(writeOnnxModel({ ...model({}), graph: nested(MAX_GRAPH_DEPTH + 1) })).message,
    ).toContain('nests');
  });
});

/** The graph's own bytes: what a model has behind its field 7. */
function writeGraphOnly(graph: OnnxGraph): Uint8Array {
  const out = new WireWriter();
  for (const { name, opType, outputs, attributes } of graph.nodes) {
    const inner = new WireWriter();
    for (const output of outputs) inner.text(2, output);
    inner.text(3, name).text(4, opType);
    for (const { raw } of attributes) inner.bytes(5, raw);
    out.message(1, inner);
  }
  return out.done();
}

test('cut off and changed anywhere: a refusal, or a model, but nothing else', () => {
  const bytes = linearBytes();
  const random = seededRandom(5);
  for (let length = 0; length < bytes.length; length++) attempt(bytes.subarray(0, length));
  for (let i = 0; i < 3000; i++) {
    const changed = bytes.slice();
    for (let n = 0; n < 3; n++)
      changed[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    attempt(changed);
  }
});

function attempt(bytes: Uint8Array): void {
  try {
    readOnnxModel('x.onnx', bytes);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code === 'E_INTERNAL') throw error;
  }
}

test('a part of a graph holds what it needs and no more', () => {
  const { graph } = linearModel();
  const part = subgraph('x', graph, graph.inputs.slice(1), graph.outputs.slice(1));
  expect(part.nodes.map(({ outputs }) => outputs)).toEqual([['i']]);
  expect(part.initializers.map(({ name }) => name)).toEqual(['one']);
  expect(() => subgraph('x', graph, [], graph.outputs.slice(0, 1))).toThrow('nothing makes "x"');
});

test('weights in 8 bits: a scale a channel, the node first', () => {
  const { graph } = linearModel();
  const quantized = quantizeWeights(graph, ({ name }) => name === 'w');
  expect(quantized.nodes[0]).toMatchObject({ opType: 'DequantizeLinear', outputs: ['w'] });
  const [values, scales] = quantized.initializers.map(({ place }) =>
    place.kind === 'inline' ? place.bytes : new Uint8Array(0),
  );
  // Columns [1, 4], [2, 5], [3, 6] by their largest.
  expect([...new Int8Array(values?.buffer ?? new ArrayBuffer(0))]).toEqual([
    32, 51, 64, 127, 127, 127,
  ]);
  expect([...new Float32Array(scales?.buffer ?? new ArrayBuffer(0))]).toEqual(
    [4, 5, 6].map((most) => Math.fround(most / 127)),
  );
});
