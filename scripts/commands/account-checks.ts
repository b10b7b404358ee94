/** The rows of `thimble doctor --remote` without an address: the account that wrangler is logged in to. */
import { readCaps } from '../../worker/access/limits.ts';
import type { Amount } from '../../worker/access/limits.ts';
import type { KeyRecord } from '../../worker/access/key-record.ts';
import { WATERMARK_RECORD_KEY } from '../../worker/platform/watermark-key.ts';
import { build } from '../build/build.ts';
import { loadWorkerConfigs } from '../build/workers.ts';
import { modelsBucketName } from '../dev/prepare.ts';
import { runWrangler } from '../lib/wrangler.ts';
import type { Bucket } from '../push/bucket.ts';
import { listKeys } from '../push/keys.ts';
import { openRemoteBucket } from '../push/remote-bucket.ts';
import type { CheckResult } from './doctor-checks.ts';
import { FIX_KEYS } from './remote-checks.ts';

export interface AccountCheck {
  readonly name: string;
  readonly run: () => Promise<CheckResult>;
}

export const ACCOUNT_CHECKS: readonly AccountCheck[] = [
  { name: 'bucket', run: checkBucketPrivate },
  {
    name: 'keys',
    run: () => withRemoteBucket(async (bucket) => judgeKeys(await listKeys(bucket), Date.now())),
  },
  {
    name: 'watermark',
    run: () =>
      withRemoteBucket(async (bucket) =>
        judgeWatermark(gatewayVars(), await bucket.getText(WATERMARK_RECORD_KEY)),
      ),
  },
  {
    name: 'cap',
    async run() {
      await build({ only: 'workers.json' });
      return judgeCaps(readCaps(gatewayVars()));
    },
  },
];

async function checkBucketPrivate(): Promise<CheckResult> {
  await build({ only: 'workers.json' });
  const name = modelsBucketName();
  const { code, stdout, stderr } = await runWrangler(['r2', 'bucket', 'dev-url', 'get', name]);
  return judgePublicAddress(name, code, stdout + stderr);
}

/** @param text what wrangler says of the bucket's public address */
export function judgePublicAddress(name: string, exitCode: number, text: string): CheckResult {
  if (exitCode !== 0)
    return { status: 'warn', found: `${name}: not known`, fix: 'Log in: npx wrangler login' };
  if (/disabled|not enabled/i.test(text))
    return { status: 'ok', found: `${name} has no public address`, fix: null };
  const lastLine = text.trim().split('\n').at(-1) ?? '';
  const fix = `Close it: npx wrangler r2 bucket dev-url disable ${name}`;
  return { status: 'fail', found: `${name} may be public: ${lastLine}`, fix };
}

export function judgeCaps({ tokens, usd }: Amount): CheckResult {
  if (tokens === Infinity && usd === Infinity)
    return {
      status: 'fail',
      found: 'none: what a deployment may cost has no bound',
      fix: 'Set DEPLOYMENT_USD_PER_DAY in wrangler.toml and deploy.',
    };
  const parts = [
    ...(tokens === Infinity ? [] : [`${tokens} tokens`]),
    ...(usd === Infinity ? [] : [`${usd} USD`]),
  ];
  const found = `${parts.join(' and ')} in a day, as this folder deploys it`;
  return { status: 'ok', found, fix: null };
}

export function judgeKeys(
  records: readonly Pick<KeyRecord, 'revokedAt' | 'expiresAt' | 'scopes'>[],
  nowMs: number,
): CheckResult {
  const inForce = records.filter(
    ({ revokedAt, expiresAt }) =>
      revokedAt === null && (expiresAt === null || Date.parse(expiresAt) > nowMs),
  );
  if (inForce.length === 0) return { status: 'fail', found: 'none is in force', fix: FIX_KEYS };
  const admins = inForce.filter(({ scopes }) => scopes.includes('admin')).length;
  const found = `${inForce.length} in force, ${admins} of them for administration`;
  return { status: 'ok', found, fix: null };
}

export function judgeWatermark(
  vars: Readonly<Record<string, string>>,
  record: string | null,
): CheckResult {
  if ((vars['WATERMARK_KEY'] ?? '') !== '' || record !== null)
    return { status: 'ok', found: 'has a key', fix: null };
  const fix = 'Deploy, which makes one: thimble deploy';
  return { status: 'warn', found: 'has no key: texts carry none', fix };
}

async function withRemoteBucket(
  look: (bucket: Bucket) => Promise<CheckResult>,
): Promise<CheckResult> {
  await build({ only: 'workers.json' });
  const bucket = await openRemoteBucket(modelsBucketName());
  try {
    return await look(bucket);
  } finally {
    await bucket.close();
  }
}

/** Variables of the gateway as this folder deploys them. */
function gatewayVars(): Readonly<Record<string, string>> {
  const gateway = loadWorkerConfigs().find(({ name }) => name === 'gateway');
  return (gateway?.options['bindings'] ?? {}) as Readonly<Record<string, string>>;
}
