/** What a caller's files may take together. */
import { countStored } from '../../access/gate.ts';
import type { Caller } from '../../platform/caller.ts';
import type { FilesEnv } from './env.ts';
import { deleteFile } from './stored-file.ts';
import type { FileJson } from './stored-file.ts';

/**
 * Counts a file that was just written; one that is too much is deleted again.
 * @throws {EngineError} E_RATE_LIMIT
 */
export async function keepCounted(env: FilesEnv, caller: Caller, file: FileJson): Promise<void> {
  try {
    await countStored(env, caller, file.bytes);
  } catch (error) {
    await deleteFile(env.FILES, caller, file.id);
    throw error;
  }
}
