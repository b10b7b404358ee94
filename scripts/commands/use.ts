/** `thimble use`: the text model of requests that name none. */
import type { Command } from 'commander';
import { useModel } from '../../engine/placement/changes.ts';
import { runStep } from '../lib/step.ts';
import { changePlacement } from '../push/place.ts';
import { addBucketOptions, withBucket } from './options/bucket-options.ts';
import type { BucketFlags } from './options/bucket-options.ts';

const EXAMPLES = `
Examples:
  thimble use qwen2.5-coder-0.5b-instruct            (a running server follows within seconds)
  thimble use qwen2.5-coder-0.5b-instruct --remote
`;

export function register(program: Command): void {
  const command = program
    .command('use <id>')
    .summary('choose the default text model')
    .description('Makes a pushed text model the one that answers requests which name no model.');
  addBucketOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (id: string, flags: BucketFlags) => {
      await withBucket(flags, (bucket) =>
        runStep('use', async () => {
          await changePlacement(bucket, (placement) => useModel(placement, id));
          return { text: `${id} is the default in ${bucket.label}`, value: null };
        }),
      );
    });
}
