/** The models that are imported on this machine, and what people ask about them. */
import { readdir } from 'node:fs/promises';
import { modelFiles } from '../../engine/manifest/manifest.ts';
import type { Manifest } from '../../engine/manifest/manifest.ts';
import { modelsDir } from '../lib/paths.ts';
import { findImported } from './prepare.ts';

/** Manifests of the imported models, by id. */
export async function localManifests(): Promise<Manifest[]> {
  const names = await readdir(modelsDir()).catch(() => []);
  const found = await Promise.all(names.sort().map((name) => findImported(name)));
  return found.filter((manifest) => manifest !== null);
}

/** Bytes of all files of a model. */
export function modelBytes(manifest: Manifest): number {
  return modelFiles(manifest).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The type that most of the weights' bytes have; null for models whose weights are in files of their own kind. */
export function mainDtype(manifest: Manifest): string | null {
  if (!('tensors' in manifest)) return null;
  const bytes = new Map<string, number>();
  for (const { dtype, bytes: size } of manifest.tensors)
    bytes.set(dtype, (bytes.get(dtype) ?? 0) + size);
  return [...bytes].toSorted((a, b) => b[1] - a[1])[0]?.[0] ?? null;
}

/** Number of weights; null as above. A matrix that stands in slices is listed once for each of them. */
export function parameterCount(manifest: Manifest): number | null {
  if (!('tensors' in manifest)) return null;
  return manifest.tensors.reduce((sum, { shape: [nRow, nCol] }) => sum + nRow * nCol, 0);
}

/** `494 million`, `1.5 billion`, `260 thousand`. */
export function describeCount(count: number): string {
  const row = COUNT_NAMES.find(({ least }) => count >= least);
  if (row === undefined) return String(count);
  return `${Number((count / row.least).toPrecision(3))} ${row.name}`;
}

const COUNT_NAMES = [
  { least: 1e9, name: 'billion' },
  { least: 1e6, name: 'million' },
  { least: 1e3, name: 'thousand' },
] as const;
