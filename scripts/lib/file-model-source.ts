/** A ModelSource over an imported model's folder. */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { parseManifest } from '../../engine/formats/manifest.ts';
import type { ModelSource } from '../../engine/model/source.ts';

/** @throws {EngineError} E_MODEL_NOT_FOUND, E_MANIFEST_INVALID. */
export async function openFileModelSource(folder: string): Promise<ModelSource> {
  const manifest = parseManifest(JSON.parse(await readManifest(folder)));
  return {
    manifest,
    async readShard(index, into) {
      const { file } = manifest.shards[index]!;
      await using handle = await open(join(folder, file), 'r');
      let at = 0;
      while (at < into.byteLength) {
        const { bytesRead } = await handle.read(into, at, into.byteLength - at, at);
        if (bytesRead === 0) {
          throw new EngineError(
            'E_WEIGHTS_FETCH',
            `weights: shard ${file} ends at byte ${at} of ${into.byteLength}. Import the model again.`,
            { details: { file, expected: into.byteLength, got: at } },
          );
        }
        at += bytesRead;
      }
    },
  };
}

async function readManifest(folder: string): Promise<string> {
  try {
    return await readFile(join(folder, 'manifest.json'), 'utf8');
  } catch (cause) {
    throw new EngineError(
      'E_MODEL_NOT_FOUND',
      `model: no manifest.json in ${folder}. Pull or import it first (thimble pull, thimble import).`,
      { details: { folder }, cause },
    );
  }
}
