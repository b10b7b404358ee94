/** Local R2 with models in it, filled once for each choice of models and copied for each server. */
import { constants } from 'node:fs';
import { cp } from 'node:fs/promises';
import { loadWorkerConfigs } from '../../../scripts/build/workers.ts';
import type { Bucket } from '../../../scripts/push/bucket.ts';
import { openLocalBucket } from '../../../scripts/push/local-bucket.ts';
import { pushModel } from '../../../scripts/push/push.ts';
import { importByIdOnce, makeOnce } from './imports.ts';

/** Fills the new folder `stateRoot`. */
export async function copyStorage(
  runFolder: string,
  ids: readonly string[],
  stateRoot: string,
): Promise<void> {
  const filled = await makeOnce(runFolder, 'storage', ids, async (folder) => {
    const bucket = await openTestBucket(folder);
    try {
      for (const id of ids)
        await pushModel(id, { bucket, modelsRoot: await importByIdOnce(runFolder, id) });
    } finally {
      await bucket.close();
    }
  });
  await cp(filled, stateRoot, { recursive: true, mode: constants.COPYFILE_FICLONE });
}

export function openTestBucket(stateRoot: string): Promise<Bucket> {
  return openLocalBucket(loadWorkerConfigs()[0]?.bucketNames[0] ?? '', stateRoot);
}

/** The same, opened when it is first used: it takes a process of its own. */
export function lazyBucket(stateRoot: string): Bucket {
  let opened: Promise<Bucket> | null = null;
  const open = (): Promise<Bucket> => (opened ??= openTestBucket(stateRoot));
  return {
    label: 'local R2',
    head: async (key) => (await (await open()).head?.(key)) ?? null,
    getText: async (key) => await (await open()).getText(key),
    getBytes: async (key) => await (await open()).getBytes(key),
    put: async (key, bytes, sha256) => await (await open()).put(key, bytes, sha256),
    putIfSame: async (...write) => await (await open()).putIfSame(...write),
    delete: async (key) => await (await open()).delete(key),
    listModelIds: async () => await (await open()).listModelIds(),
    listKeys: async (prefix) => await (await open()).listKeys(prefix),
    close: async () => await (await opened)?.close(),
  };
}
