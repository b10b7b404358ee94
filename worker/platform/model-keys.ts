/**
 * Where the files of a model lie in the bucket. A file's key begins with its hash, so that a model that is
 * pushed again never overwrites what is being served. Shared by who writes (scripts/push) and who reads.
 */
import type { ModelFile } from '../../engine/manifest/manifest.ts';

export const MODELS_PREFIX = 'models/';
/** Hexadecimal digits of a SHA-256 that keys and versions have. */
const KEY_HASH_DIGITS = 16;

/** Version of a model: the beginning of the SHA-256 of its manifest's bytes. */
export function versionOf(manifestSha256: string): string {
  return manifestSha256.slice(0, KEY_HASH_DIGITS);
}

/** The manifest of the version that is served. */
export function manifestKey(modelId: string): string {
  return `${MODELS_PREFIX}${modelId}/manifest.json`;
}

/** A copy of one version's manifest. */
export function versionKey(modelId: string, version: string): string {
  return `${MODELS_PREFIX}${modelId}/versions/${version}.json`;
}

/** The record of a model's adapters, whose files have keys as those of the model. */
export function adaptersKey(modelId: string): string {
  return `${MODELS_PREFIX}${modelId}/adapters.json`;
}

/** Any other file of a model. */
export function modelKey(
  modelId: string,
  { file, sha256 }: Pick<ModelFile, 'file' | 'sha256'>,
): string {
  return `${MODELS_PREFIX}${modelId}/${sha256.slice(0, KEY_HASH_DIGITS)}-${file}`;
}
