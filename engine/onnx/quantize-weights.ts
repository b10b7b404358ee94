/**
 * Weights as 8-bit integers with a scale per channel. The graph gets a DequantizeLinear node for each
 * (opset 13), all of them FIRST: onnxruntime then runs each right before its consumer, so that
 * only one weight at a time exists as floats; next to their consumers, all would be made at the start.
 */
import type { OnnxGraph, OnnxNode, OnnxTensor } from './types.ts';
import { intAttribute } from './write-model.ts';

/** Inputs that are weights, with the axis of their channels. */
const CHANNEL_AXIS: Readonly<Record<string, { readonly input: number; readonly axis: number }>> = {
  Conv: { input: 1, axis: 0 },
  MatMul: { input: 1, axis: -1 },
  Gather: { input: 0, axis: 0 },
};

const MAX_INT8 = 127;

/**
 * @param isWanted decides by name and shape; only float32 weights of Conv, MatMul and Gather that are
 *   used by one kind of node qualify at all.
 */
export function quantizeWeights(
  graph: OnnxGraph,
  isWanted: (tensor: OnnxTensor) => boolean,
): OnnxGraph {
  const axes = channelAxes(graph);
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  for (const tensor of graph.initializers) {
    const axis = axes.get(tensor.name);
    const isPossible = tensor.dtype === 'float32' && tensor.place.kind === 'inline';
    if (axis === undefined || !isPossible || !isWanted(tensor)) {
      initializers.push(tensor);
      continue;
    }
    const channel = axis < 0 ? tensor.dims.length + axis : axis;
    const { values, scales } = quantizeTensor(tensor, channel);
    const [valuesName, scalesName] = [`${tensor.name}.int8`, `${tensor.name}.scales`];
    initializers.push(
      inline(valuesName, 'int8', tensor.dims, new Uint8Array(values.buffer)),
      inline(scalesName, 'float32', [scales.length], new Uint8Array(scales.buffer)),
    );
    nodes.push({
      name: `${tensor.name}.dequantize`,
      opType: 'DequantizeLinear',
      domain: '',
      inputs: [valuesName, scalesName],
      outputs: [tensor.name],
      attributes: [intAttribute('axis', channel)],
    });
  }
  return { ...graph, nodes: [...nodes, ...graph.nodes], initializers };
}

/** Weights by name, where every use agrees on the axis. */
function channelAxes({ nodes }: OnnxGraph): Map<string, number> {
  const axes = new Map<string, number>();
  const excluded = new Set<string>();
  for (const { opType, inputs } of nodes) {
    const row = CHANNEL_AXIS[opType];
    inputs.forEach((name, i) => {
      const axis = row?.input === i ? row.axis : null;
      if (axis === null || (axes.get(name) ?? axis) !== axis) excluded.add(name);
      else axes.set(name, axis);
    });
  }
  for (const name of excluded) axes.delete(name);
  return axes;
}

/** round(w / s), s = max |w| / 127 of the channel. */
function quantizeTensor(
  { dims, place }: OnnxTensor,
  axis: number,
): { values: Int8Array<ArrayBuffer>; scales: Float32Array<ArrayBuffer> } {
  const bytes = place.kind === 'inline' ? place.bytes : new Uint8Array(0);
  const floats = new Float32Array(bytes.slice().buffer);
  const nChannel = dims[axis] ?? 1;
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const scales = new Float32Array(nChannel);
  const channelOf = (i: number) => Math.floor(i / inner) % nChannel;
  for (let i = 0; i < floats.length; i++) {
    const channel = channelOf(i);
    scales[channel] = Math.max(scales[channel]!, Math.abs(floats[i]!) / MAX_INT8);
  }
  const values = new Int8Array(floats.length);
  for (let i = 0; i < floats.length; i++) {
    const scale = scales[channelOf(i)]!;
    values[i] = scale === 0 ? 0 : Math.round(floats[i]! / scale);
  }
  return { values, scales };
}

function inline(
  name: string,
  dtype: OnnxTensor['dtype'],
  dims: readonly number[],
  bytes: Uint8Array,
): OnnxTensor {
  return { name, dtype, dims, place: { kind: 'inline', bytes } };
}
