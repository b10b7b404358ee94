/** Turns Constant nodes into initializers: some exporters keep all weights in nodes, where nothing moves them out. */
import { readTensor } from './read-tensor.ts';
import type { OnnxGraph, OnnxTensor } from './types.ts';
import { readFields } from './wire.ts';

/** Constants of fewer than `minBytes` stay nodes. Subgraphs are left alone. */
export function hoistConstants(name: string, graph: OnnxGraph, minBytes: number): OnnxGraph {
  const hoisted: OnnxTensor[] = [];
  const nodes = graph.nodes.filter(({ opType, domain, outputs, attributes }) => {
    if (opType !== 'Constant' || domain !== '') return true;
    const raw = attributes.find((attribute) => attribute.name === 'value')?.raw;
    const [output] = outputs;
    if (raw === undefined || output === undefined || raw.length < minBytes) return true;
    for (const { field, bytes } of readFields(name, raw))
      // AttributeProto.t
      if (field === 5) hoisted.push({ ...readTensor(name, bytes), name: output });
    return hoisted.at(-1)?.name !== output;
  });
  return { ...graph, nodes, initializers: [...graph.initializers, ...hoisted] };
}
