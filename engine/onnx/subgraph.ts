/** The part of a graph between some of its values: how a model is cut into models that run apart. */
import { invalidFile } from '../formats/byte-source.ts';
import type { OnnxGraph, OnnxNode, OnnxValue } from './types.ts';

/**
 * The nodes that make `outputs` out of `inputs`, with the initializers they use, in their order.
 * @throws {EngineError} E_FORMAT_INVALID when an output needs anything beyond `inputs`, or is not made.
 */
export function subgraph(
  name: string,
  graph: OnnxGraph,
  inputs: readonly OnnxValue[],
  outputs: readonly OnnxValue[],
): OnnxGraph {
  const makers = new Map<string, OnnxNode>();
  for (const node of graph.nodes) for (const value of node.outputs) makers.set(value, node);
  const given = new Set(inputs.map((value) => value.name));
  const initializers = new Set(graph.initializers.map((tensor) => tensor.name));
  const nodes = new Set<OnnxNode>();
  const used = new Set<string>();
  const todo = outputs.map((value) => value.name);
  while (todo.length > 0) {
    const value = todo.pop()!;
    if (value === '' || given.has(value) || used.has(value)) continue;
    used.add(value);
    if (initializers.has(value)) continue;
    const node = makers.get(value);
    if (node === undefined)
      throw invalidFile(name, `cannot be cut: nothing makes ${JSON.stringify(value)}`, 'a value');
    if (nodes.has(node)) continue;
    nodes.add(node);
    todo.push(...valuesOf(node));
  }
  return {
    name: graph.name,
    nodes: graph.nodes.filter((node) => nodes.has(node)),
    initializers: graph.initializers.filter((tensor) => used.has(tensor.name)),
    inputs,
    outputs,
    values: [],
  };
}

/** What a node reads, its subgraphs included: names that these produce themselves do no harm. */
function valuesOf(node: OnnxNode): string[] {
  const inner = node.attributes.flatMap(({ graphs }) => graphs);
  return [...node.inputs, ...inner.flatMap(freeValues)];
}

function freeValues(graph: OnnxGraph): string[] {
  const own = new Set([
    ...graph.inputs.map((value) => value.name),
    ...graph.initializers.map((tensor) => tensor.name),
    ...graph.nodes.flatMap((node) => node.outputs),
  ]);
  const read = [...graph.nodes.flatMap(valuesOf), ...graph.outputs.map((value) => value.name)];
  return read.filter((value) => !own.has(value));
}
