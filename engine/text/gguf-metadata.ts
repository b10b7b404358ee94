/**
 * Typed reads of GGUF metadata, as far as vocabularies need them. Hostile input: kinds and lengths
 * are checked. Keys: ggml/docs/gguf.md.
 */
import { EngineError } from '../base/errors.ts';

export type GgufMetadata = ReadonlyMap<string, unknown>;

function fail(message: string, details: Record<string, unknown> = {}): never {
  throw new EngineError('E_TOKENIZER_INVALID', `tokenizer: ${message}`, { details });
}

export function readStrings(metadata: GgufMetadata, key: string, max: number): readonly string[] {
  const value = metadata.get(key);
  if (!Array.isArray(value) || value.length > max || !value.every((x) => typeof x === 'string'))
    fail(`${key}; expected an array of at most ${max} strings. Is the file complete?`, { key });
  return value;
}

/** Typed arrays count as arrays: a GGUF reader may keep numbers packed. */
export function readNumbers(
  metadata: GgufMetadata,
  key: string,
  length: number,
): readonly number[] {
  const value = metadata.get(key);
  const list = ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value;
  if (!Array.isArray(list) || list.length !== length || !list.every((x) => typeof x === 'number'))
    fail(`${key}; expected ${length} numbers, one for each token.`, { key });
  return list;
}

export function readTypes(metadata: GgufMetadata, length: number): readonly number[] | null {
  const key = 'tokenizer.ggml.token_type';
  return metadata.has(key) ? readNumbers(metadata, key, length) : null;
}

export function readFlag(metadata: GgufMetadata, key: string, fallback: boolean): boolean {
  const value = metadata.get(key);
  return typeof value === 'boolean' ? value : fallback;
}

/** An array of bytes; empty when there is none. */
export function readBytes(metadata: GgufMetadata, key: string): Uint8Array {
  const value = metadata.get(key) ?? [];
  const isByte = (x: unknown) =>
    typeof x === 'number' && Number.isInteger(x) && x >= -128 && x <= 255;
  if (!Array.isArray(value) || !value.every(isByte)) fail(`${key}; expected bytes.`, { key });
  return Uint8Array.from(value as number[]);
}
