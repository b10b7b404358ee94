/** Checkpoints: weights, running means and the number of steps, in one safetensors file, whole or not at all. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { EngineError } from '../../engine/base/errors.ts';
import { readRange } from '../../engine/formats/byte-source.ts';
import { readSafetensors, readSafetensorsMetadata } from '../../engine/formats/safetensors.ts';
import { asDiskError } from '../lib/disk.ts';
import { openFileSource } from '../lib/file-source.ts';
import { encodeSafetensors, type FloatTensor } from '../lib/encode-safetensors.ts';
import type { Trainer } from './trainer.ts';

const FORMAT = 'thimble-training';
/** Parts of a weight: its values and its two running means. */
const PARTS = ['', 'mean.', 'square.'] as const;

export async function writeCheckpoint(
  path: string,
  training: Trainer,
  fingerprint: string,
): Promise<void> {
  const tensors: FloatTensor[] = [];
  eachPart(training, (name, shape, values) => tensors.push({ name, shape, values }));
  const metadata = { format: FORMAT, step: String(training.nStep), fingerprint };
  await writeWhole(path, encodeSafetensors(tensors, metadata));
}

/** @throws {EngineError} E_DISK */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw asDiskError(error, folder, 'training');
  });
}

/** Writes a file whole or not at all: what was there stays when there is no room. @throws {EngineError} E_DISK */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const part = `${path}.part`;
  try {
    await writeFile(part, content);
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw asDiskError(error, path, 'training');
  }
}

/**
 * Goes on from a checkpoint.
 * @param fingerprint of the configuration and the data
 * @returns whether there was one
 * @throws {EngineError} E_USAGE for one of another training
 */
export async function readCheckpoint(
  path: string,
  training: Trainer,
  fingerprint: string,
): Promise<boolean> {
  const source = await openFileSource(path).catch(() => null);
  if (source === null) return false;
  await using _open = source;
  const metadata = await readSafetensorsMetadata(source);
  if (metadata.get('format') !== FORMAT || metadata.get('fingerprint') !== fingerprint)
    throw new EngineError(
      'E_USAGE',
      `${path}: is a checkpoint of another configuration or of other data. Give another --out, or delete it.`,
    );
  const found = new Map((await readSafetensors([source])).map((tensor) => [tensor.name, tensor]));
  const parts: (readonly [string, Float32Array])[] = [];
  eachPart(training, (name, _shape, values) => parts.push([name, values]));
  for (const [name, values] of parts) {
    const tensor = found.get(name);
    if (tensor === undefined || tensor.bytes !== values.byteLength)
      throw new EngineError('E_USAGE', `${path}: ${name} is missing or of another size.`);
    const bytes = await readRange(source, tensor.offset, tensor.bytes, name);
    values.set(new Float32Array(bytes.slice().buffer));
  }
  training.nStep = Number(metadata.get('step'));
  return true;
}

function eachPart(
  training: Trainer,
  take: (name: string, shape: readonly number[], values: Float32Array) => void,
): void {
  for (const weight of training.program.plan.graph.weights) {
    const { mean, square } = training.moments(weight);
    const views = [training.read(weight), mean, square];
    for (const [i, part] of PARTS.entries())
      take(part + weight.name, [weight.nRow, weight.nCol], views[i]!);
  }
}
