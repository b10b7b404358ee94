/** An imported model's files: shards as the engines read them, and the tokenizer. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import type { TextedManifest, WeightedManifest } from '../../engine/manifest/manifest.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import { Tokenizer } from '../../engine/text/tokenizer.ts';
import { readWhole, unreadable } from './read-whole.ts';

/** Shards as files. The loader checks their hashes. */
export class FileModelSource<
  M extends WeightedManifest = WeightedManifest,
> implements ModelSource<M> {
  readonly manifest: M;
  readonly #dir: string;

  constructor(dir: string, manifest: M) {
    this.#dir = dir;
    this.manifest = manifest;
  }

  /** @throws {EngineError} E_WEIGHTS_FETCH when the file is missing or shorter than `into`. */
  async readShard(index: number, into: Uint8Array): Promise<void> {
    const shard = this.manifest.shards[index];
    if (shard === undefined) throw new EngineError('E_INTERNAL', `model: no shard ${index}.`);
    await readWhole(join(this.#dir, shard.file), into);
  }
}

/** @throws {EngineError} E_WEIGHTS_FETCH, E_TOKENIZER. */
export async function readTokenizer(dir: string, manifest: TextedManifest): Promise<Tokenizer> {
  const path = join(dir, manifest.tokenizer.file);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(path, 'cannot be read', cause);
  });
  return Tokenizer.parse(text, manifest.tokenizer);
}
