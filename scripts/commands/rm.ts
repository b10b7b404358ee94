/** `thimble rm`: takes a model out of the pool, its files out of the bucket, and what was imported from this disk. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { MODEL_ID_PATTERN } from '../../engine/manifest/manifest.ts';
import { removeModel } from '../../engine/placement/changes.ts';
import { localManifests } from '../dev/local-models.ts';
import { asDiskError } from '../lib/disk.ts';
import { modelsDir } from '../lib/paths.ts';
import { runStep } from '../lib/step.ts';
import { deleteModel } from '../push/delete-model.ts';
import type { Bucket } from '../push/bucket.ts';
import { changePlacement } from '../push/place.ts';
import { companionsOf } from '../push/push.ts';
import { addBucketOptions, withBucket } from './options/bucket-options.ts';
import type { BucketFlags } from './options/bucket-options.ts';

interface RmFlags extends BucketFlags {
  readonly keepImported?: boolean;
}

const EXAMPLES = `
Examples:
  thimble rm my-model                    (a running server stops serving it, too)
  thimble rm my-model --keep-imported    (out of the local bucket only)
  thimble rm my-model --remote           (out of the account's bucket; what is on this disk stays)

The file that was pulled stays in the cache, so that thimble import is quick.
`;

export function register(program: Command): void {
  const command = program
    .command('rm <id>')
    .summary('remove a model')
    .description(
      'Removes a model from the pool, deletes its files from the local bucket, and deletes what was imported; with it the tower that it sees through. With --remote only from the bucket of the account.',
    );
  addBucketOptions(command)
    .option('--keep-imported', 'leave what was imported on this disk')
    .addHelpText('after', EXAMPLES)
    .action(async (id: string, flags: RmFlags) => {
      requireId(id);
      const folder = importedFolder(id);
      const isImported = flags.remote !== true && folder !== null && flags.keepImported !== true;
      const towers = await towersOf(id);
      await withBucket(flags, async (bucket) => {
        await removeFrom(bucket, id, isImported);
        for (const tower of towers) await removeFrom(bucket, tower, true);
      });
      if (!isImported) return;
      await removeImported(id, folder);
      for (const tower of towers) {
        const itsFolder = importedFolder(tower);
        if (itsFolder !== null) await removeImported(tower, itsFolder);
      }
    });
}

/** Towers that no other imported model sees through: they go with their model. */
async function towersOf(id: string): Promise<string[]> {
  const manifests = await localManifests();
  const used = manifests.flatMap((one) => (one.id === id ? [] : companionsOf(one)));
  return manifests
    .filter((one) => one.id === id)
    .flatMap(companionsOf)
    .filter((tower) => !used.includes(tower));
}

/** An id is a part of paths and keys. @throws {EngineError} E_USAGE */
function requireId(id: string): void {
  if (MODEL_ID_PATTERN.test(id)) return;
  throw new EngineError(
    'E_USAGE',
    `rm: ${JSON.stringify(id.slice(0, 100))} is not the id of a model. Ids: \`thimble ls\`, \`thimble models\`.`,
  );
}

/** Where the import of a model lies; null when there is none. */
function importedFolder(id: string): string | null {
  const folder = join(modelsDir(), id);
  return existsSync(folder) ? folder : null;
}

/** @param isImported whether a bucket that lacks the model is no error */
async function removeFrom(bucket: Bucket, id: string, isImported: boolean): Promise<void> {
  await runStep('rm', async () => {
    let wasPlaced = false;
    // Out of the record first: nobody is sent to files that are going.
    await changePlacement(bucket, (placement) => {
      wasPlaced = placement.serving[id] !== undefined;
      return wasPlaced ? removeModel(placement, id) : placement;
    });
    const nDeleted = await deleteModel(bucket, id);
    if (!wasPlaced && nDeleted === 0 && !isImported)
      throw notThere(id, await bucket.listModelIds());
    return { text: `${id}: ${nDeleted} objects deleted from ${bucket.label}`, value: null };
  });
}

async function removeImported(id: string, folder: string): Promise<void> {
  await runStep('rm', async () => {
    await rm(folder, { recursive: true }).catch((cause: unknown) => {
      throw asDiskError(cause, folder, 'rm');
    });
    return { text: `${id}: deleted from ${folder}`, value: null };
  });
}

function notThere(id: string, known: readonly string[] | null): EngineError {
  const list = known === null ? '' : ` It has: ${known.join(', ') || 'none'}.`;
  return new EngineError(
    'E_MODEL_NOT_FOUND',
    `rm: no model ${JSON.stringify(id.slice(0, 100))} is in the bucket.${list} Imported models: \`thimble ls\`.`,
    { details: { id, models: known } },
  );
}
