/** `thimble push`: copies an imported model into the local R2, or into a Cloudflare bucket. */
import process from 'node:process';
import type { Command } from 'commander';
import { build } from '../build/build.ts';
import { modelsBucketName } from '../dev/prepare.ts';
import { formatBytes } from '../lib/progress.ts';
import { runStep } from '../lib/step.ts';
import { openLocalBucket } from '../push/local-bucket.ts';
import { pushModel } from '../push/push.ts';
import { openRemoteBucket } from '../push/remote-bucket.ts';

interface PushFlags {
  readonly remote?: boolean;
  readonly bucket?: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  thimble push smollm2-135m-instruct             (what thimble dev serves from)
  thimble push smollm2-135m-instruct --remote    (the account's bucket, through wrangler)
`;

export function register(program: Command): void {
  program
    .command('push <id>')
    .summary('copy an imported model to where Workers read it')
    .description(
      "Copies an imported model's shards, tokenizer and, last, its manifest into R2. Objects that " +
        'are there already are not written again.',
    )
    .option('--remote', 'a bucket of the Cloudflare account that wrangler is logged in to')
    .option('--bucket <name>', 'a bucket other than the one that wrangler.toml names')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(runPush);
}

async function runPush(id: string, flags: PushFlags): Promise<void> {
  const result = await runStep('push', async ({ onProgress }) => {
    await build({ only: 'workers.json' });
    const name = flags.bucket ?? modelsBucketName();
    const bucket =
      flags.remote === true ? await openRemoteBucket(name) : await openLocalBucket(name);
    try {
      const value = await pushModel(id, { bucket, onProgress });
      const { pushedBytes, totalBytes } = value;
      const what = pushedBytes === 0 ? 'there already' : `${formatBytes(pushedBytes)} written`;
      return { text: `${id}: ${formatBytes(totalBytes)} in ${bucket.label}, ${what}`, value };
    } finally {
      await bucket.close();
    }
  });
  if (flags.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
}
