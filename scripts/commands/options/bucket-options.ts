/** The bucket a command works on: the development server's, or one of the account. */
import type { Command } from 'commander';
import { build } from '../../build/build.ts';
import { modelsBucketName } from '../../dev/prepare.ts';
import type { Bucket } from '../../push/bucket.ts';
import { openLocalBucket } from '../../push/local-bucket.ts';
import { openRemoteBucket } from '../../push/remote-bucket.ts';

export interface BucketFlags {
  readonly remote?: boolean;
  readonly bucket?: string;
}

export function addBucketOptions(command: Command): Command {
  return command
    .option('--remote', 'a bucket of the Cloudflare account that wrangler is logged in to')
    .option('--bucket <name>', 'a bucket other than the one that wrangler.toml names');
}

/** Runs `work` on the bucket that the flags name; the local one may be in use by a running server. */
export async function withBucket<T>(
  flags: BucketFlags,
  work: (bucket: Bucket) => Promise<T>,
): Promise<T> {
  await build({ only: 'workers.json' });
  const name = flags.bucket ?? modelsBucketName();
  const bucket = flags.remote === true ? await openRemoteBucket(name) : await openLocalBucket(name);
  try {
    return await work(bucket);
  } finally {
    await bucket.close();
  }
}
