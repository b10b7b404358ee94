/**
 * Reads an .onnx file as hostile input: every count, name, length and nesting is bounded, and what
 * cannot run here is refused by name. Knows nothing of how nodes compute.
 */
import { EngineError } from '../base/errors.ts';
import { invalidFile } from '../formats/byte-source.ts';
import { readAttributeGraphs, readTensor } from './read-tensor.ts';
import { dtypeOfCode } from './types.ts';
import type { OnnxAttribute, OnnxDim, OnnxGraph, OnnxModel, OnnxNode, OnnxValue } from './types.ts';
import { readFields, readInts, readText } from './wire.ts';

/** Subgraphs inside subgraphs. */
export const MAX_GRAPH_DEPTH = 8;
/** Nodes of a model, subgraphs included. */
export const MAX_NODES = 50_000;
export const MAX_TENSORS = 50_000;
/** Inputs and outputs of one node. */
const MAX_NODE_VALUES = 4096;
const MAX_ATTRIBUTES = 256;
export const MAX_RANK = 8;
export const MAX_DIM = 2 ** 31 - 1;
const MAX_OPSETS = 16;
/** IR 3 was the first with files that are still around; onnxruntime 1.30 reads up to 13. */
const IR_VERSIONS = [3, 13] as const;

/** Operator sets that onnxruntime's WebAssembly build knows, with their first and last version. */
const OPSETS: Readonly<Record<string, readonly [number, number]>> = {
  '': [7, 26],
  'ai.onnx': [7, 26],
  'ai.onnx.ml': [1, 5],
  'com.microsoft': [1, 1],
};

/** Counts over the whole model. */
interface Budget {
  nodes: number;
  tensors: number;
}

/**
 * @throws {EngineError} E_FORMAT_INVALID (damaged, or beyond the limits), E_FORMAT_VERSION (IR or
 *   opset), E_ARCH_UNKNOWN (operator domains), E_DTYPE_UNSUPPORTED.
 */
export function readOnnxModel(name: string, bytes: Uint8Array): OnnxModel {
  const opsets: OnnxModel['opsets'][number][] = [];
  let irVersion = 0;
  let graphBytes: Uint8Array | null = null;
  for (const field of readFields(name, bytes)) {
    if (field.field === 1) irVersion = Number(field.value);
    else if (field.field === 7) graphBytes = field.bytes;
    else if (field.field === 8 && opsets.push(readOpset(name, field.bytes)) > MAX_OPSETS)
      throw invalidFile(name, 'has too many opsets', `at most ${MAX_OPSETS}`);
    else if (field.field === 20 || field.field === 25)
      throw invalidFile(
        name,
        `holds ${field.field === 20 ? 'training information' : 'functions of its own'}`,
        'a plain inference graph (export it with functions inlined)',
      );
  }
  if (graphBytes === null) throw invalidFile(name, 'holds no graph', 'an ONNX model');
  checkVersions(name, irVersion, opsets);
  const graph = readGraph(name, graphBytes, 0, { nodes: 0, tensors: 0 });
  checkDomains(name, graph, new Set(opsets.map(({ domain }) => plainDomain(domain))));
  checkGraphValues(name, graph, new Set());
  return { irVersion, opsets, graph };
}

function readOpset(name: string, bytes: Uint8Array): OnnxModel['opsets'][number] {
  let domain = '';
  let version = 0;
  for (const field of readFields(name, bytes)) {
    if (field.field === 1) domain = readText(name, field.bytes);
    else if (field.field === 2) version = Number(field.value);
  }
  return { domain, version };
}

function plainDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

function checkVersions(name: string, irVersion: number, opsets: OnnxModel['opsets']): void {
  const fail = (what: string, [from, to]: readonly [number, number], got: number) => {
    throw new EngineError(
      'E_FORMAT_VERSION',
      `${name}: ${what}; expected ${from} to ${to}, got ${got}. Export the model again with another opset.`,
      { details: { from, to, got } },
    );
  };
  if (irVersion < IR_VERSIONS[0] || irVersion > IR_VERSIONS[1])
    fail('IR version', IR_VERSIONS, irVersion);
  if (!opsets.some(({ domain }) => plainDomain(domain) === ''))
    throw invalidFile(name, "imports no opset of ONNX's own operators", 'an opset_import');
  for (const { domain, version } of opsets) {
    const range = OPSETS[domain];
    // A domain that is only imported does no harm; its nodes are refused below.
    if (range !== undefined && (version < range[0] || version > range[1]))
      fail(`opset of ${JSON.stringify(domain)}`, range, version);
  }
}

function checkDomains(name: string, graph: OnnxGraph, imported: ReadonlySet<string>): void {
  for (const node of graph.nodes) {
    const domain = plainDomain(node.domain);
    if (!Object.hasOwn(OPSETS, domain) || !imported.has(domain))
      throw new EngineError(
        'E_ARCH_UNKNOWN',
        `${name}: node ${JSON.stringify(node.name)} is ${node.opType} of the domain ${JSON.stringify(domain)}; ` +
          `expected ${Object.keys(OPSETS)
            .map((known) => JSON.stringify(known))
            .join(', ')}, imported by the model. Custom operators cannot be run here.`,
        { details: { node: node.name, opType: node.opType, domain } },
      );
    for (const { graphs } of node.attributes)
      for (const inner of graphs) checkDomains(name, inner, imported);
  }
}

export function readGraph(
  name: string,
  bytes: Uint8Array,
  depth: number,
  budget: Budget,
): OnnxGraph {
  if (depth > MAX_GRAPH_DEPTH)
    throw invalidFile(name, 'nests subgraphs too deeply', `at most ${MAX_GRAPH_DEPTH} levels`);
  const graph = {
    name: '',
    nodes: [] as OnnxNode[],
    initializers: [] as OnnxGraph['initializers'][number][],
    inputs: [] as OnnxValue[],
    outputs: [] as OnnxValue[],
    values: [] as OnnxValue[],
  };
  for (const { field, bytes: part } of readFields(name, bytes)) {
    if (field === 1) {
      if (++budget.nodes > MAX_NODES)
        throw invalidFile(name, 'has too many nodes', `at most ${MAX_NODES}`);
      graph.nodes.push(readNode(name, part, depth, budget));
    } else if (field === 2) graph.name = readText(name, part);
    else if (field === 5) {
      if (++budget.tensors > MAX_TENSORS)
        throw invalidFile(name, 'has too many initializers', `at most ${MAX_TENSORS}`);
      graph.initializers.push(readTensor(name, part));
    } else if (field === 11) pushValue(name, graph.inputs, part);
    else if (field === 12) pushValue(name, graph.outputs, part);
    else if (field === 13) pushValue(name, graph.values, part);
    else if (field === 15)
      throw invalidFile(name, 'has sparse initializers', 'dense ones (export it without them)');
  }
  return graph;
}

function pushValue(name: string, values: OnnxValue[], bytes: Uint8Array): void {
  if (values.length >= MAX_TENSORS)
    throw invalidFile(name, 'describes too many values', `at most ${MAX_TENSORS}`);
  values.push(readValue(name, bytes));
}

function readNode(name: string, bytes: Uint8Array, depth: number, budget: Budget): OnnxNode {
  const node = {
    name: '',
    opType: '',
    domain: '',
    inputs: [] as string[],
    outputs: [] as string[],
    attributes: [] as OnnxAttribute[],
  };
  for (const { field, bytes: part } of readFields(name, bytes)) {
    if (field === 1) node.inputs.push(readText(name, part));
    else if (field === 2) node.outputs.push(readText(name, part));
    else if (field === 3) node.name = readText(name, part);
    else if (field === 4) node.opType = readText(name, part);
    else if (field === 5)
      node.attributes.push(
        readAttributeGraphs(name, part, (inner) => readGraph(name, inner, depth + 1, budget)),
      );
    else if (field === 7) node.domain = readText(name, part);
  }
  if (node.opType === '') throw invalidFile(name, 'has a node without an operator', 'an op_type');
  if (Math.max(node.inputs.length, node.outputs.length) > MAX_NODE_VALUES)
    throw invalidFile(name, 'has a node of too many values', `at most ${MAX_NODE_VALUES}`);
  if (node.attributes.length > MAX_ATTRIBUTES)
    throw invalidFile(name, 'has a node of too many attributes', `at most ${MAX_ATTRIBUTES}`);
  return node;
}

/** ValueInfoProto: a tensor's name, type and shape; other kinds of values have no dtype here. */
export function readValue(name: string, bytes: Uint8Array): OnnxValue {
  let valueName = '';
  let type: Uint8Array | null = null;
  for (const { field, bytes: part } of readFields(name, bytes)) {
    if (field === 1) valueName = readText(name, part);
    else if (field === 2) type = part;
  }
  if (type === null) return { name: valueName, dtype: null, dims: null };
  for (const { field, bytes: part } of readFields(name, type))
    if (field === 1) return { name: valueName, ...readTensorType(name, part) };
  return { name: valueName, dtype: null, dims: null };
}

function readTensorType(name: string, bytes: Uint8Array): Pick<OnnxValue, 'dtype' | 'dims'> {
  let dtype: OnnxValue['dtype'] = null;
  let dims: OnnxDim[] | null = null;
  for (const { field, value, bytes: part } of readFields(name, bytes)) {
    if (field === 1) dtype = dtypeOfCode(Number(value));
    else if (field === 2) dims = readShape(name, part);
  }
  return { dtype, dims };
}

function readShape(name: string, bytes: Uint8Array): OnnxDim[] {
  const dims: OnnxDim[] = [];
  for (const { field, bytes: part } of readFields(name, bytes)) {
    if (field !== 1) continue;
    let dim: OnnxDim = null;
    for (const inner of readFields(name, part)) {
      if (inner.field === 1) dim = readDim(name, readInts(name, inner)[0] ?? -1n);
      else if (inner.field === 2) dim = readText(name, inner.bytes) || null;
    }
    if (dims.push(dim) > MAX_RANK)
      throw invalidFile(name, 'describes a value of too many dimensions', `at most ${MAX_RANK}`);
  }
  return dims;
}

function readDim(name: string, value: bigint): number {
  if (value < 0n || value > BigInt(MAX_DIM))
    throw invalidFile(name, 'has an impossible dimension', `0 to ${MAX_DIM}`, {
      dim: String(value),
    });
  return Number(value);
}

/** Checks that every name is made once, and that two descriptions of a value agree. */
function checkGraphValues(name: string, graph: OnnxGraph, outer: ReadonlySet<string>): void {
  const made = new Set(outer);
  const define = (value: string, what: string) => {
    if (value === '') return;
    if (made.has(value))
      throw invalidFile(name, `makes the value ${JSON.stringify(value)} twice`, 'one', {
        by: what,
      });
    made.add(value);
  };
  const initializers = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  for (const input of graph.inputs) define(input.name, 'an input');
  const inputs = new Map(graph.inputs.map((input) => [input.name, input]));
  for (const tensor of graph.initializers) {
    const input = inputs.get(tensor.name);
    // Older files list initializers among the inputs, too.
    if (input === undefined) define(tensor.name, 'an initializer');
    else requireSameShape(name, tensor.name, input.dims, tensor.dims);
  }
  if (initializers.size !== graph.initializers.length)
    throw invalidFile(name, 'has two initializers of one name', 'one of each name');
  for (const node of graph.nodes) for (const value of node.outputs) define(value, node.opType);
  checkDescriptions(name, graph, initializers);
  for (const { attributes } of graph.nodes)
    for (const { graphs } of attributes)
      for (const inner of graphs) checkGraphValues(name, inner, made);
}

function checkDescriptions(
  name: string,
  graph: OnnxGraph,
  initializers: ReadonlyMap<string, { readonly dims: readonly number[] }>,
): void {
  const known = new Map<string, readonly OnnxDim[]>();
  for (const { name: value, dims } of [...graph.inputs, ...graph.outputs, ...graph.values]) {
    if (dims === null) continue;
    const before = known.get(value) ?? initializers.get(value)?.dims;
    if (before !== undefined) requireSameShape(name, value, dims, before);
    known.set(value, dims);
  }
}

function requireSameShape(
  name: string,
  value: string,
  a: readonly OnnxDim[] | null,
  b: readonly OnnxDim[],
): void {
  if (a === null) return;
  const differs = (x: OnnxDim, y: OnnxDim | undefined) =>
    typeof x === 'number' && typeof y === 'number' && x !== y;
  if (a.length === b.length && !a.some((dim, i) => differs(dim, b[i]))) return;
  throw new EngineError(
    'E_TENSOR_SHAPE',
    `${name}: shapes of ${JSON.stringify(value)} contradict each other; expected one shape, got ` +
      `[${a.join(', ')}] and [${b.join(', ')}]. Export the model again.`,
    { details: { value, a, b } },
  );
}
