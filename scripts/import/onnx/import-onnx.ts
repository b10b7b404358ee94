/**
 * `thimble import` of an .onnx file: read as hostile, made into the graphs its task needs, weights in
 * files of their own, memory measured, and only then given its final place.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import { parseManifest, requireKind } from '../../../engine/formats/manifest.ts';
import type { ModelFile, OnnxManifest } from '../../../engine/formats/manifest.ts';
import { MANIFEST_VERSION } from '../../../engine/formats/manifest-about.ts';
import { readOnnxModel } from '../../../engine/onnx/read-model.ts';
import { writeOnnxModel } from '../../../engine/onnx/write-model.ts';
import { asDiskError } from '../../lib/disk.ts';
import { withLock } from '../../lib/lock.ts';
import type { OnProgress } from '../../lib/progress.ts';
import type { ModelAbout } from '../describe-model.ts';
import { replaceFolder, requireFreshId, requireId } from '../import-model.ts';
import { exerciseOnZeros, measureMemory } from './measure-memory.ts';
import type { Recipe, RecipeGraph } from './recipe.ts';
import { ONNX_TASK_NAMES, RECIPES } from './recipes.ts';
import { externalize } from './weights.ts';

/** A protocol buffer ends at 2 GiB; nothing near that fits an isolate. */
const MAX_SOURCE_BYTES = 512 * 1024 * 1024;

export interface OnnxImportOptions {
  readonly input: string;
  readonly id: string;
  readonly outRoot: string;
  /** What the model is for; any graph on tensors by default. */
  readonly task?: string;
  /** Largest sizes of named dimensions. */
  readonly dims?: ReadonlyMap<string, number>;
  readonly force?: boolean;
  readonly about?: ModelAbout;
  readonly onProgress?: OnProgress;
  readonly onWarning?: (text: string) => void;
}

/** @throws {EngineError} E_USAGE, E_DISK, and everything a damaged or unsupported graph gives. */
export async function importOnnx(
  options: OnnxImportOptions,
): Promise<{ folder: string; manifest: OnnxManifest }> {
  const { id, outRoot } = options;
  const make = RECIPES[(options.task ?? 'tensors') as keyof typeof RECIPES];
  if (make === undefined)
    throw new EngineError(
      'E_USAGE',
      `import: --task '${options.task}'; expected one of ${ONNX_TASK_NAMES.join(', ')}.`,
    );
  requireId(id);
  const folder = join(outRoot, id);
  try {
    await mkdir(outRoot, { recursive: true });
    return await withLock(join(outRoot, `.${id}.lock`), async () => {
      await requireFreshId(id, folder, options.force === true);
      const bytes = await readSource(options.input);
      const file = readOnnxModel(basename(options.input), bytes);
      const recipe = await make({ file, path: options.input, dims: options.dims ?? new Map() });
      const sourceSha256 = sha256Of(bytes);
      return await writeModel(recipe, folder, options, sourceSha256);
    });
  } catch (error) {
    throw asDiskError(error, outRoot, `import of ${id}`);
  }
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
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const files: ModelFile[] = [];
  const put = async (file: string, bytes: Uint8Array) => {
    await writeFile(join(partial, file), bytes, { flush: true });
    files.push({ file, bytes: bytes.length, sha256: sha256Of(bytes) });
  };
  const graphs: OnnxManifest['graphs'] = [];
  for (const graph of recipe.graphs) graphs.push(await writeGraph(graph, options.input, put));
  const { about = {}, id, input } = options;
  const draft: OnnxManifest = {
    kind: 'onnx',
    formatVersion: MANIFEST_VERSION,
    id,
    name: about.name ?? basename(input),
    createdAt: new Date().toISOString(),
    licence: about.licence ?? '',
    source: about.source ?? `file:${basename(input)}`,
    sourceSha256,
    card: about.card ?? '',
    task: recipe.task,
    graphs,
    files,
    memory: { loadedBytes: 1, peakBytes: 1 },
  };
  const { memory, failure } = await measureMemory(
    partial,
    requireKind(parseManifest(draft), 'onnx'),
    recipe.exercise ?? exerciseOnZeros,
  );
  if (failure !== null) judgeFailure(recipe, failure, options);
  const manifest = requireKind(parseManifest({ ...draft, memory }), 'onnx');
  await writeFile(join(partial, 'manifest.json'), `${JSON.stringify(manifest)}\n`, { flush: true });
  await replaceFolder(partial, folder);
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

/** Any graph may dislike zeros; what a task runs has to run. */
function judgeFailure({ task }: Recipe, failure: unknown, { onWarning }: OnnxImportOptions): void {
  if (task.name !== 'tensors' || !(failure instanceof EngineError)) throw failure;
  if (failure.code !== 'E_REQUEST_INVALID') throw failure;
  onWarning?.(
    `the graph cannot be run on zeros of its largest shapes, so that its memory is only known as loaded: ${failure.message}`,
  );
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
