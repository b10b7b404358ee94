/** `thimble push`: copies an imported model into the local R2, or into a Cloudflare bucket, and places it. */
import { join } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { parseCount, parseNumber, parseReplicas } from '../lib/arguments.ts';
import { modelsDir } from '../lib/paths.ts';
import { formatBytes } from '../lib/progress.ts';
import { runStep } from '../lib/step.ts';
import { describePlaced } from '../push/describe-placement.ts';
import { placeModel, requirePlace, versionOf } from '../push/place.ts';
import type { Bucket } from '../push/bucket.ts';
import { companionsOf, pushModel, readImported } from '../push/push.ts';
import { addBucketOptions, withBucket } from './options/bucket-options.ts';
import type { BucketFlags } from './options/bucket-options.ts';

interface PushFlags extends BucketFlags {
  readonly ctx?: number;
  readonly replicas?: number;
  readonly canary?: number;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  thimble push smollm2-135m-instruct             (what thimble dev serves from, running or not)
  thimble push smollm2-135m-instruct --remote    (the account's bucket, through wrangler)
  thimble push my-model --ctx 4096               (more tokens of context, which take more memory)
  thimble push my-model --replicas 2             (two copies, for more texts at the same time)
  thimble push my-model --canary 10              (10 % of requests; thimble rollback my-model ends it)
`;

export function register(program: Command): void {
  const command = program
    .command('push <id>')
    .summary('copy an imported model to where Workers read it')
    .description(
      "Copies an imported model's shards, tokenizer and, last, its manifest into R2, and places it in the " +
        'pool of isolates. Objects that are there already are not written again.',
    );
  addBucketOptions(command)
    .option('--ctx <tokens>', 'tokens of context to place it with (default 2048)', parseCount(1))
    .option('--replicas <n>', 'copies of it, in isolates of their own', parseReplicas)
    .option(
      '--canary <percent>',
      'percentage of requests that this version answers beside the present one',
      parseNumber(0, 100),
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(runPush);
}

async function runPush(id: string, flags: PushFlags): Promise<void> {
  const { ctx, replicas, canary } = flags;
  const options = {
    ...(ctx === undefined ? {} : { nCtx: ctx }),
    ...(replicas === undefined ? {} : { nReplica: replicas }),
    ...(canary === undefined ? {} : { canaryPercent: canary }),
  };
  const result = await withBucket(flags, async (bucket) => {
    const { manifest, text } = await readImported(join(modelsDir(), id), id);
    const version = versionOf(text);
    for (const companion of companionsOf(manifest)) await pushCompanion(bucket, companion);
    await requirePlace(bucket, manifest, version, options);
    const pushed = await runStep('push', async ({ onProgress }) => {
      const value = await pushModel(id, { bucket, onProgress });
      const { pushedBytes, totalBytes } = value;
      const what = pushedBytes === 0 ? 'there already' : `${formatBytes(pushedBytes)} written`;
      return { text: `${id}: ${formatBytes(totalBytes)} in ${bucket.label}, ${what}`, value };
    });
    const placement = await runStep('place', async () => {
      const value = await placeModel(bucket, manifest, version, options);
      return { text: describePlaced(value, manifest, version), value };
    });
    const placed = placement.models.find((model) => model.id === id && model.version === version);
    return { ...pushed, version, placed: placed ?? null };
  });
  if (flags.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** What a model needs beside it goes first, into isolates of its own, without the model's options. */
async function pushCompanion(bucket: Bucket, id: string): Promise<void> {
  const { manifest, text } = await readImported(join(modelsDir(), id), id);
  await runStep('push', async ({ onProgress }) => {
    const { pushedBytes, totalBytes } = await pushModel(id, { bucket, onProgress });
    const what = pushedBytes === 0 ? 'there already' : `${formatBytes(pushedBytes)} written`;
    return { text: `${id}: ${formatBytes(totalBytes)} in ${bucket.label}, ${what}`, value: null };
  });
  await runStep('place', async () => {
    const placement = await placeModel(bucket, manifest, versionOf(text));
    return { text: describePlaced(placement, manifest, versionOf(text)), value: null };
  });
}
