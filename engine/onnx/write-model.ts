/** An ONNX model as bytes: what import writes after it moved weights out, cut or re-typed a graph. */
import { ONNX_DTYPES } from './types.ts';
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './types.ts';
import { WireWriter } from './wire.ts';

export function writeOnnxModel({ irVersion, opsets, graph }: OnnxModel): Uint8Array {
  const out = new WireWriter();
  for (const node of graph.nodes) out.message(1, writeNode(node));
  out.text(2, graph.name);
  for (const tensor of graph.initializers) out.message(5, writeTensor(tensor));
  for (const value of graph.inputs) out.message(11, writeValue(value));
  for (const value of graph.outputs) out.message(12, writeValue(value));
  for (const value of graph.values) out.message(13, writeValue(value));
  const model = new WireWriter().int(1, irVersion).message(7, out);
  for (const { domain, version } of opsets)
    model.message(8, new WireWriter().text(1, domain).int(2, version));
  return model.done();
}

function writeNode({ name, opType, domain, inputs, outputs, attributes }: OnnxNode): WireWriter {
  const out = new WireWriter();
  for (const input of inputs) out.text(1, input);
  for (const output of outputs) out.text(2, output);
  out.text(3, name).text(4, opType);
  for (const { raw } of attributes) out.bytes(5, raw);
  return domain === '' ? out : out.text(7, domain);
}

function writeTensor({ name, dtype, dims, place }: OnnxTensor): WireWriter {
  const out = new WireWriter();
  for (const dim of dims) out.int(1, dim);
  out.int(2, ONNX_DTYPES[dtype].code).text(8, name);
  if (place.kind === 'inline') return out.bytes(9, place.bytes);
  const entry = (key: string, value: string) => new WireWriter().text(1, key).text(2, value);
  return out
    .message(13, entry('location', place.location))
    .message(13, entry('offset', String(place.offset)))
    .message(13, entry('length', String(place.length)))
    .int(14, 1);
}

function writeValue({ name, dtype, dims }: OnnxValue): WireWriter {
  const out = new WireWriter().text(1, name);
  if (dtype === null) return out;
  const tensor = new WireWriter().int(1, ONNX_DTYPES[dtype].code);
  if (dims !== null) {
    const shape = new WireWriter();
    for (const dim of dims) {
      const inner = new WireWriter();
      if (typeof dim === 'number') inner.int(1, dim);
      else if (dim !== null) inner.text(2, dim);
      shape.message(1, inner);
    }
    tensor.message(2, shape);
  }
  return out.message(2, new WireWriter().message(1, tensor));
}

/** AttributeProto.AttributeType. */
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;

export function intAttribute(name: string, value: number): OnnxAttribute {
  const raw = new WireWriter().text(1, name).int(3, value).int(20, ATTRIBUTE_INT).done();
  return { name, raw, graphs: [] };
}

export function floatAttribute(name: string, value: number): OnnxAttribute {
  const raw = new WireWriter().text(1, name).float(2, value).int(20, ATTRIBUTE_FLOAT).done();
  return { name, raw, graphs: [] };
}
