/** `thimble alias`: second names of models. */
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { setAlias } from '../../engine/placement/changes.ts';
import { runStep } from '../lib/step.ts';
import { changePlacement } from '../push/place.ts';
import { addBucketOptions, withBucket } from './options/bucket-options.ts';
import type { BucketFlags } from './options/bucket-options.ts';

interface AliasFlags extends BucketFlags {
  readonly remove?: string;
}

const EXAMPLES = `
Examples:
  thimble alias gpt-4o-mini qwen2.5-coder-0.5b-instruct   (for programs that insist on a name)
  thimble alias --remove gpt-4o-mini
  thimble models                                          (lists them)
`;

export function register(program: Command): void {
  const command = program
    .command('alias [name] [id]')
    .summary('give a model a second name')
    .description('Gives a pushed model a second name, under which requests may ask for it, too.')
    .option('--remove <name>', 'take a name away');
  addBucketOptions(command).addHelpText('after', EXAMPLES).action(runAlias);
}

async function runAlias(
  name: string | undefined,
  id: string | undefined,
  flags: AliasFlags,
): Promise<void> {
  const [alias, target] = readArguments(name, id, flags.remove);
  await withBucket(flags, (bucket) =>
    runStep('alias', async () => {
      await changePlacement(bucket, (placement) => setAlias(placement, alias, target));
      const what = target === null ? 'removed' : `is ${target}`;
      return { text: `${alias} ${what} in ${bucket.label}`, value: null };
    }),
  );
}

function readArguments(
  name: string | undefined,
  id: string | undefined,
  remove: string | undefined,
): [alias: string, id: string | null] {
  if (remove !== undefined && name === undefined) return [remove, null];
  if (remove === undefined && name !== undefined && id !== undefined) return [name, id];
  throw new EngineError('E_USAGE', 'alias: expected NAME ID, or --remove NAME.');
}
