/** What a committed model was made from, with the hashes of its files: `assets/mini/record.json`. */
import { copyFile, cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { modelFiles } from '../../../engine/manifest/manifest.ts';
import { hashBytes } from '../../lib/hash-file.ts';
import { readImported } from '../../push/push.ts';
import { writeWhole } from '../checkpoint.ts';
import type { MiniResult } from './finish.ts';

export const RECORD_FILE = 'record.json';
/** Files beside the model, by their names in the folder. */
const BESIDE = ['config.json', 'tokenizer.json', 'README.md', 'report.html'];

export interface MiniRecord {
  readonly seed: number;
  readonly steps: number;
  readonly weights: number;
  readonly scores: MiniResult['scores'];
  /** Of the quantized model. */
  readonly served: MiniResult['served'];
  /** SHA-256 by the path in the folder. */
  readonly files: Readonly<Record<string, string>>;
}

/** @param folder with what BESIDE lists, and the imported model in `model/` */
export async function hashesOf(folder: string, id: string): Promise<Record<string, string>> {
  const { manifest, text } = await readImported(join(folder, 'model'), id);
  const inModel = modelFiles(manifest).map(({ file }) => `model/${file}`);
  const hashes: Record<string, string> = {
    'model/manifest.json': hashBytes(new TextEncoder().encode(text)),
  };
  for (const path of [...BESIDE, ...inModel])
    hashes[path] = hashBytes(await readFile(join(folder, path)));
  return hashes;
}

/**
 * Puts a trained model where the project keeps it: the quantized model, its card and report, and the record of their
 * hashes. The configuration and the vocabulary lie there already.
 */
export async function publishMini(
  result: MiniResult,
  { id, seed }: { readonly id: string; readonly seed: number },
  to: string,
): Promise<void> {
  const model = join(to, 'model');
  await rm(model, { recursive: true, force: true });
  await cp(result.servedFolder, model, { recursive: true });
  await copyFile(join(result.modelFolder, 'README.md'), join(to, 'README.md'));
  await copyFile(result.reportFile, join(to, 'report.html'));
  const { steps, nWeight: weights, scores, served } = result;
  const files = await hashesOf(to, id);
  const record: MiniRecord = { seed, steps, weights, scores, served, files };
  await writeWhole(join(to, RECORD_FILE), `${JSON.stringify(record, null, 2)}\n`);
}
