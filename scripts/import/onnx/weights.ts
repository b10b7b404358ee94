/**
 * Moves weights out of graphs into files that onnxruntime copies tensor by tensor: a graph with its weights
 * inside would be in memory twice. Weights of the source may lie in files beside it.
 */
import { lstat, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { joinBytes } from '../../../engine/base/joined.ts';
import { invalidFile } from '../../../engine/formats/byte-source.ts';
import { ONNX_FILE_MAX_BYTES } from '../../../engine/manifest/onnx.ts';
import { hoistConstants } from '../../../engine/onnx/hoist-constants.ts';
import type { OnnxModel, OnnxTensor } from '../../../engine/onnx/types.ts';

/** Smaller tensors stay in the graph: shapes and axes are needed while it is planned. */
const MIN_EXTERNAL_BYTES = 1024;
/** Several files for each graph, so that none is too large. */
const FILE_BYTES = 16 * 1024 * 1024;
const ALIGNMENT = 64;

export interface WeightFile {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** The model with its large tensors in files named `<stem>-<i>.bin`. */
export async function externalize(
  model: OnnxModel,
  sourcePath: string,
  stem: string,
): Promise<{ model: OnnxModel; files: WeightFile[] }> {
  const graph = hoistConstants(stem, model.graph, MIN_EXTERNAL_BYTES);
  const writer = new FileSetWriter(stem);
  const initializers: OnnxTensor[] = [];
  for (const tensor of graph.initializers) {
    const bytes = await tensorBytes(tensor, sourcePath);
    const place =
      bytes.length < MIN_EXTERNAL_BYTES
        ? ({ kind: 'inline', bytes } as const)
        : ({ kind: 'external', ...writer.add(sourcePath, bytes) } as const);
    initializers.push({ ...tensor, place });
  }
  return { model: { ...model, graph: { ...graph, initializers } }, files: writer.done() };
}

/** @throws {EngineError} E_FORMAT_INVALID when the file beside the graph ends too early. */
export async function tensorBytes({ name, place }: OnnxTensor, path: string): Promise<Uint8Array> {
  if (place.kind === 'inline') return place.bytes;
  const { location, offset, length } = place;
  const file = join(dirname(path), location);
  const fail = (what: string) =>
    invalidFile(
      basename(path),
      `tensor ${name}: ${location} ${what}`,
      `bytes ${offset} to ${offset + length} of it`,
    );
  // A link could lead out of the folder.
  const link = await lstat(file).catch(() => null);
  if (link?.isSymbolicLink() === true) throw fail('is a link');
  const handle = await open(file, 'r').catch(() => {
    throw fail('is missing');
  });
  try {
    const info = await handle.stat();
    if (!info.isFile() || offset + length > info.size) throw fail(`has ${info.size} bytes`);
    const bytes = new Uint8Array(length);
    const { bytesRead } = await handle.read(bytes, 0, length, offset);
    if (bytesRead !== length) throw fail('cannot be read');
    return bytes;
  } finally {
    await handle.close();
  }
}

class FileSetWriter {
  readonly #stem: string;
  readonly #files: { bytes: Uint8Array[]; length: number }[] = [];

  constructor(stem: string) {
    this.#stem = stem;
  }

  add(name: string, bytes: Uint8Array): { location: string; offset: number; length: number } {
    if (bytes.length > ONNX_FILE_MAX_BYTES)
      throw invalidFile(
        basename(name),
        'has a tensor that is too large',
        `at most ${ONNX_FILE_MAX_BYTES} bytes`,
        {
          bytes: bytes.length,
        },
      );
    let file = this.#files.at(-1);
    if (file === undefined || file.length + bytes.length > FILE_BYTES)
      this.#files.push((file = { bytes: [], length: 0 }));
    const offset = file.length;
    const padding = (ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT;
    file.bytes.push(bytes, new Uint8Array(padding));
    file.length += bytes.length + padding;
    return { location: this.#nameOf(this.#files.length - 1), offset, length: bytes.length };
  }

  done(): WeightFile[] {
    return this.#files.map(({ bytes }, i) => ({
      file: this.#nameOf(i),
      bytes: joinBytes(bytes),
    }));
  }

  #nameOf(index: number): string {
    return `${this.#stem}-${index}.bin`;
  }
}
