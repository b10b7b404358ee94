/**
 * `thimble import` of an .onnx file: read as hostile input, turned into the graphs its task needs, weights in
 * files of their own, memory measured, and only then given its final place.
 */
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import { parseManifest, requireKind } from '../../../engine/manifest/manifest.ts';
import type { OnnxManifest } from '../../../engine/manifest/manifest.ts';
import { readOnnxModel } from '../../../engine/onnx/read-model.ts';
import { writeOnnxModel } from '../../../engine/onnx/write-model.ts';
import { hashBytes } from '../../lib/hash-file.ts';
import type { OnProgress } from '../../lib/progress.ts';
import type { ModelAbout } from '../write/describe-model.ts';
import { aboutFile, importInto, PartialFolder } from '../write/model-folder.ts';
import type { ModelPlace } from '../write/model-folder.ts';
import { exerciseOnZeros, measureMemory } from './measure-memory.ts';
import type { Recipe, RecipeGraph } from './recipe.ts';
import { ONNX_TASK_NAMES, RECIPES } from './recipes.ts';
import { externalize } from './weights.ts';

/** A protocol buffer ends at 2 GiB; nothing near that fits an isolate. */
const MAX_SOURCE_BYTES = 512 * 1024 * 1024;

export interface OnnxImportOptions extends ModelPlace {
  readonly input: string;
  /** The model's task; any graph on tensors by default. */
  readonly task?: string;
  /** Largest sizes of named dimensions. */
  readonly dims?: ReadonlyMap<string, number>;
  readonly about?: ModelAbout;
  readonly onProgress?: OnProgress;
  readonly onWarning?: (text: string) => void;
}

/** @throws {EngineError} E_USAGE, E_DISK, and every error of a damaged or unsupported graph. */
export async function importOnnx(
  options: OnnxImportOptions,
): Promise<{ folder: string; manifest: OnnxManifest }> {
  const make = RECIPES[(options.task ?? 'tensors') as keyof typeof RECIPES];
  if (make === undefined)
    throw new EngineError(
      'E_USAGE',
      `import: --task '${options.task}'; expected one of ${ONNX_TASK_NAMES.join(', ')}.`,
    );
  return await importInto(options, async (folder) => {
    const bytes = await readSource(options.input);
    const file = readOnnxModel(basename(options.input), bytes);
    const recipe = await make({ file, path: options.input, dims: options.dims ?? new Map() });
    return await writeModel(recipe, folder, options, hashBytes(bytes));
  });
}

async function readSource(path: string): Promise<Uint8Array> {
  const info = await stat(path).catch(() => null);
  if (info === null || !info.isFile() || info.size > MAX_SOURCE_BYTES)
    throw new EngineError(
      'E_USAGE',
      `import: ${path}; expected an .onnx file of at most ${MAX_SOURCE_BYTES} bytes, got ${info === null ? 'nothing' : `${info.size} bytes`}.`,
    );
  const { buffer, byteOffset, byteLength } = await readFile(path);
  // A Buffer's slices share its memory; what is read here expects those of plain bytes.
  return new Uint8Array(buffer, byteOffset, byteLength);
}

async function writeModel(
  recipe: Recipe,
  folder: string,
  options: OnnxImportOptions,
  sourceSha256: string,
): Promise<{ folder: string; manifest: OnnxManifest }> {
  const partial = await PartialFolder.open(folder);
  const put = (file: string, bytes: Uint8Array) => partial.put(file, bytes);
  const graphs: OnnxManifest['graphs'] = [];
  for (const graph of recipe.graphs) graphs.push(await writeGraph(graph, options.input, put));
  const draft: OnnxManifest = {
    kind: 'onnx',
    ...aboutFile(options.id, options.input, sourceSha256, options.about),
    task: recipe.task,
    graphs,
    files: partial.files,
    memory: { loadedBytes: 1, peakBytes: 1 },
  };
  const { memory, failure } = await measureMemory(
    partial.path,
    requireKind(parseManifest(draft), 'onnx'),
    recipe.exercise ?? exerciseOnZeros,
  );
  if (failure !== null) judgeFailure(recipe, failure, options);
  const manifest = requireKind(parseManifest({ ...draft, memory }), 'onnx');
  await partial.finish(manifest);
  return { folder, manifest };
}

async function writeGraph(
  { name, file, inputs, outputs, optimization }: RecipeGraph,
  sourcePath: string,
  put: (file: string, bytes: Uint8Array) => Promise<void>,
): Promise<OnnxManifest['graphs'][number]> {
  const { model, files } = await externalize(file, sourcePath, name);
  await put(`${name}.onnx`, writeOnnxModel(model));
  for (const weights of files) await put(weights.file, weights.bytes);
  return {
    name,
    file: `${name}.onnx`,
    weights: files.map((weights) => weights.file),
    inputs: [...inputs],
    outputs: [...outputs],
    optimization,
  };
}

/** A graph without a task may fail on zeros; one with a task must run. */
function judgeFailure({ task }: Recipe, failure: unknown, { onWarning }: OnnxImportOptions): void {
  if (task.name !== 'tensors' || !(failure instanceof EngineError)) throw failure;
  if (failure.code !== 'E_REQUEST_INVALID') throw failure;
  onWarning?.(
    `the graph cannot be run on zeros of its largest shapes, so that only its memory after loading is known: ${failure.message}`,
  );
}
