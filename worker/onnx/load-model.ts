/**
 * Loads a model's graphs into a runtime: files are checked by hash, graphs parsed as hostile input again (who
 * pushes a manifest can hash anything), with one graph's weights in the JavaScript heap at a time.
 */
import { EngineError } from '../../engine/base/errors.ts';
import { invalidField } from '../platform/invalid-field.ts';
import { sha256Hex } from '../../engine/base/sha256.ts';
import type { OnnxGraphRow, OnnxManifest } from '../../engine/manifest/onnx.ts';
import { readOnnxModel } from '../../engine/onnx/read-model.ts';
import type { OnnxGraph } from '../../engine/onnx/types.ts';
import { checkFeeds } from './check-feeds.ts';
import type { LoadedGraph, OrtRuntime } from './ort-runtime.ts';
import type { OnnxTensors } from './tensors.ts';

/** Reads a whole file of the model. */
export type ReadFile = (file: string) => Promise<Uint8Array<ArrayBuffer>>;

export class OnnxModel {
  readonly manifest: OnnxManifest;
  readonly #graphs: ReadonlyMap<string, LoadedGraph>;

  constructor(manifest: OnnxManifest, graphs: ReadonlyMap<string, LoadedGraph>) {
    this.manifest = manifest;
    this.#graphs = graphs;
  }

  /** @throws {EngineError} E_REQUEST_INVALID naming the input, E_MEMORY_BUDGET. */
  async run(graphName: string, feeds: OnnxTensors): Promise<OnnxTensors> {
    const row = this.manifest.graphs.find(({ name }) => name === graphName);
    const graph = this.#graphs.get(graphName);
    if (row === undefined || graph === undefined)
      throw invalidField(
        'graph',
        `${this.manifest.id} has no graph ${JSON.stringify(graphName.slice(0, 100))}; expected one of ${[...this.#graphs.keys()].join(', ')}`,
      );
    return await graph.run(checkFeeds(row, feeds));
  }

  async release(): Promise<void> {
    for (const graph of this.#graphs.values()) await graph.release();
  }
}

/** @throws {EngineError} E_WEIGHTS_HASH, E_WEIGHTS_FETCH, E_FORMAT_INVALID, E_MEMORY_BUDGET, ... */
export async function loadOnnxModel(
  runtime: OrtRuntime,
  manifest: OnnxManifest,
  readFile: ReadFile,
): Promise<OnnxModel> {
  const graphs = new Map<string, LoadedGraph>();
  try {
    for (const row of manifest.graphs)
      graphs.set(row.name, await loadGraph(runtime, manifest, row, readFile));
  } catch (error) {
    for (const graph of graphs.values()) await graph.release();
    throw error;
  }
  return new OnnxModel(manifest, graphs);
}

async function loadGraph(
  runtime: OrtRuntime,
  manifest: OnnxManifest,
  row: OnnxGraphRow,
  readFile: ReadFile,
): Promise<LoadedGraph> {
  const name = `${manifest.id}/${row.file}`;
  const graph = await readChecked(manifest, row.file, readFile);
  const lengths = new Map<string, number>();
  for (const { file, bytes } of manifest.files) lengths.set(file, bytes);
  checkExternal(name, readOnnxModel(name, graph).graph, row, lengths);
  const weights: { path: string; data: Uint8Array }[] = [];
  for (const path of row.weights)
    weights.push({ path, data: await readChecked(manifest, path, readFile) });
  return await runtime.load(name, { graph, weights }, row.optimization);
}

async function readChecked(
  { id, files }: OnnxManifest,
  file: string,
  readFile: ReadFile,
): Promise<Uint8Array<ArrayBuffer>> {
  const facts = files.find((row) => row.file === file);
  if (facts === undefined) throw new RangeError(`${file} is not in the manifest`);
  const bytes = await readFile(file);
  const got = bytes.length === facts.bytes ? await sha256Hex(bytes) : `${bytes.length} bytes`;
  if (got === facts.sha256) return bytes;
  throw new EngineError(
    'E_WEIGHTS_HASH',
    `${id}/${file}: expected ${facts.bytes} bytes of SHA-256 ${facts.sha256}, got ${got}. Push the model again.`,
    { details: { file, expected: facts.sha256, got } },
  );
}

/** Weights must lie inside the graph's own files. */
function checkExternal(
  name: string,
  graph: OnnxGraph,
  row: OnnxGraphRow,
  lengths: ReadonlyMap<string, number>,
): void {
  for (const { name: tensor, place } of graph.initializers) {
    if (place.kind === 'inline') continue;
    const { location, offset, length } = place;
    const bytes = row.weights.includes(location) ? (lengths.get(location) ?? 0) : 0;
    if (offset + length > bytes)
      throw new EngineError(
        'E_FORMAT_INVALID',
        `${name}: tensor ${JSON.stringify(tensor)} lies at bytes ${offset} to ${offset + length} of ${location}; ` +
          `expected a place inside ${row.weights.join(', ') || 'the graph'}. Import the model again.`,
        { details: { tensor, location, offset, length } },
      );
  }
  for (const { attributes } of graph.nodes)
    for (const { graphs } of attributes)
      for (const inner of graphs) checkExternal(name, inner, row, lengths);
}
