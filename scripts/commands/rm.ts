/** `thimble rm`: takes a model out of the pool and its files out of the bucket. */
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { removeModel } from '../../engine/placement/changes.ts';
import { runStep } from '../lib/step.ts';
import { deleteModel } from '../push/delete-model.ts';
import { changePlacement } from '../push/place.ts';
import { addBucketOptions, withBucket } from './options/bucket-options.ts';
import type { BucketFlags } from './options/bucket-options.ts';

const EXAMPLES = `
Examples:
  thimble rm my-model                    (the imported model on this disk stays)
  thimble rm my-model --remote
`;

export function register(program: Command): void {
  const command = program
    .command('rm <id>')
    .summary('remove a model from where Workers read it')
    .description(
      'Removes a model from the pool and deletes its files from the bucket. What was imported stays on this disk.',
    );
  addBucketOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (id: string, flags: BucketFlags) => {
      await withBucket(flags, (bucket) =>
        runStep('rm', async () => {
          let wasPlaced = false;
          // Out of the record first: nobody is sent to files that are going.
          await changePlacement(bucket, (placement) => {
            wasPlaced = placement.serving[id] !== undefined;
            return wasPlaced ? removeModel(placement, id) : placement;
          });
          const nDeleted = await deleteModel(bucket, id);
          if (!wasPlaced && nDeleted === 0) throw notThere(id, await bucket.listModelIds());
          return { text: `${id}: ${nDeleted} objects deleted from ${bucket.label}`, value: null };
        }),
      );
    });
}

function notThere(id: string, known: readonly string[] | null): EngineError {
  const list = known === null ? '' : ` It has: ${known.join(', ') || 'none'}.`;
  return new EngineError(
    'E_MODEL_NOT_FOUND',
    `rm: no model ${JSON.stringify(id.slice(0, 100))} is in the bucket.${list}`,
    { details: { id, models: known } },
  );
}
