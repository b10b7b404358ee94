/** A folder for as long as some work takes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onInterrupt } from './interrupt.ts';

/**
 * Runs `work` with a new folder that is removed after it, and on Ctrl-C.
 * @param parent where the folder is made; it must exist
 */
export async function withTemporaryFolder<T>(
  purpose: string,
  work: (folder: string) => Promise<T>,
  parent: string = tmpdir(),
): Promise<T> {
  const folder = await mkdtemp(join(parent, `thimble-${purpose}-`));
  const remove = () => rm(folder, { recursive: true, force: true });
  const forget = onInterrupt(remove);
  try {
    return await work(folder);
  } finally {
    forget();
    await remove();
  }
}
