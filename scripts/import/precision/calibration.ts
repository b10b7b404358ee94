/**
 * What `thimble calibrate` measures of a model: for every matrix the mean square of each column's
 * input. To first order an error in a weight changes the output by as much as its input is large, so
 * these are the weights of the scale search (the idea of llama.cpp's importance matrix).
 *
 * A safetensors file: one F32 vector [nCol] a tensor, under our names; the metadata says which file
 * the model came from. Read as hostile input.
 */
import { createHash } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import { invalidFile, readRange } from '../../../engine/formats/byte-source.ts';
import type { ByteSource } from '../../../engine/formats/byte-source.ts';
import { readSafetensors, readSafetensorsMetadata } from '../../../engine/formats/safetensors.ts';
import { encodeSafetensors } from '../../lib/encode-safetensors.ts';
import { cacheDir } from '../../lib/paths.ts';
import type { MatchedTensor } from '../open/opened-model.ts';

const FORMAT = 'thimble-calibration';
const VERSION = '1';
/** Twice the columns of all tensors of the largest model that fits. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

export interface Calibration {
  /** Hash of the model's file; null for models of several files. */
  readonly sourceSha256: string | null;
  /** Rows of input each mean was taken over, at most. */
  readonly nTokens: number;
  /** Mean square of each column's input, [nCol] of the tensor, by our names. */
  readonly columns: ReadonlyMap<string, Float32Array>;
}

/** Where `calibrate` writes, and `--calibration auto` finds, the calibration of a file. */
export function calibrationPath(sourceSha256: string): string {
  return join(cacheDir(), 'calibration', `${sourceSha256}.safetensors`);
}

export function encodeCalibration({ sourceSha256, nTokens, columns }: Calibration): Uint8Array {
  const metadata = {
    format: FORMAT,
    version: VERSION,
    sourceSha256: sourceSha256 ?? '',
    nTokens: String(nTokens),
  };
  const tensors = [...columns].map(([name, values]) => ({
    ...{ name, values, shape: [values.length] },
  }));
  return encodeSafetensors(tensors, metadata);
}

/** Writes the file whole or not at all. */
export async function writeCalibration(path: string, calibration: Calibration): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.part`, encodeCalibration(calibration));
  await rename(`${path}.part`, path);
}

/** @throws {EngineError} E_FORMAT_MAGIC, E_FORMAT_VERSION, E_FORMAT_INVALID */
export async function readCalibration(source: ByteSource): Promise<Calibration & { key: string }> {
  if (source.bytes > MAX_FILE_BYTES)
    throw invalidFile(source.name, 'calibration is too long', `at most ${MAX_FILE_BYTES} bytes`, {
      bytes: source.bytes,
    });
  const metadata = await readSafetensorsMetadata(source);
  checkVersion(source.name, metadata);
  const sha256 = metadata.get('sourceSha256') ?? '';
  if (!/^([0-9a-f]{64})?$/.test(sha256))
    throw invalidFile(
      source.name,
      'sourceSha256 is not a hash',
      '64 hexadecimal digits or nothing',
    );
  const hash = createHash('sha256');
  const columns = new Map<string, Float32Array>();
  for (const { name, dtype, dims, offset, bytes } of await readSafetensors([source])) {
    if (dtype !== 'F32' || dims.length !== 1)
      throw invalidFile(source.name, `${name} is no vector of F32`, 'one dimension of F32');
    const data = await readRange(source, offset, bytes, name);
    const values = new Float32Array(data.slice().buffer);
    if (!values.every((value) => Number.isFinite(value) && value >= 0))
      throw invalidFile(
        source.name,
        `${name} has a value that is not a mean square`,
        'values >= 0',
      );
    hash.update(`${name}\n`).update(data);
    columns.set(name, values);
  }
  return {
    sourceSha256: sha256 === '' ? null : sha256,
    nTokens: Number(metadata.get('nTokens') ?? 0) || 0,
    columns,
    key: hash.digest('hex'),
  };
}

function checkVersion(name: string, metadata: ReadonlyMap<string, string>): void {
  const format = metadata.get('format');
  const version = metadata.get('version') ?? 'none';
  if (format !== FORMAT)
    throw new EngineError(
      'E_FORMAT_MAGIC',
      `${name}: not a calibration; expected a file that thimble calibrate wrote.`,
    );
  if (version !== VERSION)
    throw new EngineError(
      'E_FORMAT_VERSION',
      `${name}: calibration of version ${version.slice(0, 20)}; expected ${VERSION}. Run thimble calibrate again.`,
      { details: { version } },
    );
}

/**
 * The vectors for a model's matrices; tensors that are not in the calibration have none.
 * @throws {EngineError} E_TENSOR_SHAPE when it is of a model of another shape.
 */
export function columnsFor(
  matched: readonly Pick<MatchedTensor, 'instance'>[],
  { columns }: Calibration,
): Map<string, Float32Array> {
  const found = new Map<string, Float32Array>();
  // Calibrated with the head beside the embedding, imported as one matrix: it is the head that is multiplied.
  const isTied = !matched.some(({ instance }) => instance.name === 'head');
  const ofHead = isTied ? columns.get('head') : undefined;
  for (const { instance } of matched) {
    const { name } = instance;
    const vector = columns.get(name) ?? (name === 'tokEmbd' ? ofHead : undefined);
    if (vector === undefined || instance.shape[0] === 1) continue;
    const nCol = instance.shape[1];
    if (vector.length !== nCol)
      throw new EngineError(
        'E_TENSOR_SHAPE',
        `calibration: ${instance.name}; expected ${nCol} columns, got ${vector.length}. ` +
          'It was made with another model: run thimble calibrate with this one.',
        { details: { name: instance.name, expected: nCol, got: vector.length } },
      );
    found.set(instance.name, vector);
  }
  if (found.size > 0) return found;
  throw new EngineError(
    'E_USAGE',
    'calibration: no tensor of this model is in it. Run thimble calibrate with this model.',
  );
}
