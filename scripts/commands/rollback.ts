/** `thimble rollback`: the version of a model before the present one, or without its canary. */
import type { Command } from 'commander';
import { rollBack } from '../../engine/placement/changes.ts';
import { runStep } from '../lib/step.ts';
import { changePlacement } from '../push/place.ts';
import { addBucketOptions, withBucket } from './options/bucket-options.ts';
import type { BucketFlags } from './options/bucket-options.ts';

const EXAMPLES = `
Examples:
  thimble rollback my-model              (the version before answers again; once more undoes that)
  thimble rollback my-model --remote
`;

export function register(program: Command): void {
  const command = program
    .command('rollback <id>')
    .summary("go back to a model's version before")
    .description(
      'Lets the version of a model answer that did before the last push. While a canary runs: ends the canary.',
    );
  addBucketOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (id: string, flags: BucketFlags) => {
      await withBucket(flags, (bucket) =>
        runStep('rollback', async () => {
          const placement = await changePlacement(bucket, (before) => rollBack(before, id));
          const { version } = placement.serving[id]!;
          return { text: `${id}: version ${version} answers in ${bucket.label}`, value: null };
        }),
      );
    });
}
