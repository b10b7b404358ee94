/** The rows of `thimble doctor --remote`: a deployment as anybody may see it, and its account. Nothing is changed. */
import process from 'node:process';
import { readCaps } from '../../worker/access/limits.ts';
import { WATERMARK_RECORD_KEY } from '../../worker/platform/watermark-key.ts';
import { build } from '../build/build.ts';
import { loadWorkerConfigs } from '../build/workers.ts';
import { modelsBucketName } from '../dev/prepare.ts';
import { runWrangler } from '../lib/wrangler.ts';
import { listKeys } from '../push/keys.ts';
import { openRemoteBucket } from '../push/remote-bucket.ts';
import type { CheckResult } from './doctor-checks.ts';

export interface RemoteCheck {
  readonly name: string;
  readonly run: (url: string) => Promise<CheckResult>;
}

/** Checks of the account that wrangler is logged in to. */
export interface AccountCheck {
  readonly name: string;
  readonly run: () => Promise<CheckResult>;
}

const TIMEOUT_MS = 15_000;
/** Looks like a key, and is nobody's. */
const NOBODYS_KEY = `thk_${'0'.repeat(16)}_${'A'.repeat(43)}`;
/** Reserved for examples (RFC 2606): no deployment lets it ask. */
const FOREIGN_ORIGIN = 'https://foreign.example';
const MODELS_PATH = '/v1/models';
const SECURITY_HEADERS = [
  'x-content-type-options',
  'referrer-policy',
  'content-security-policy',
  'cache-control',
  'cross-origin-resource-policy',
];
const FIX_KEYS = 'Create one: thimble keys create --remote --name NAME';
const FIX_VERSION = 'Deploy this version: thimble deploy';

const row =
  (status: CheckResult['status']) =>
  (found: string, fix: string | null = null): CheckResult => ({ status, found, fix });
const [ok, warn, fail] = [row('ok'), row('warn'), row('fail')];

function ask(url: string, path: string, init: RequestInit = {}): Promise<Response> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  return fetch(new URL(path, url), { redirect: 'manual', ...init, signal });
}

/** Status, and the code of the error where there is one. */
async function outcomeOf(response: Response): Promise<{ status: number; code: string }> {
  const text = await response.text();
  const [, code = ''] = /"code":\s*"([^"]+)"/.exec(text) ?? [];
  return { status: response.status, code };
}

export const REMOTE_CHECKS: readonly RemoteCheck[] = [
  {
    name: 'answers',
    async run(url) {
      const { status } = await ask(url, '/healthz');
      return status === 200 ? ok('/healthz 200') : fail(`/healthz ${status}`, FIX_VERSION);
    },
  },
  {
    name: 'HTTPS',
    run: (url) =>
      Promise.resolve(
        new URL(url).protocol === 'https:'
          ? ok('yes')
          : fail('no: keys are sent in the clear', 'Ask it at https://.'),
      ),
  },
  {
    name: 'who may ask',
    async run(url) {
      const { status, code } = await outcomeOf(await ask(url, MODELS_PATH));
      if (status === 401) return ok('callers with a key');
      if (code === 'E_KEYS_MISSING') return fail('nobody: there is no key', FIX_KEYS);
      if (status === 200)
        return warn(
          'everyone, without a key',
          'Unless that is meant: thimble deploy, without --public',
        );
      return fail(`${MODELS_PATH} without a key: ${status} ${code}`, FIX_VERSION);
    },
  },
  {
    name: 'a wrong key',
    async run(url) {
      const headers = { authorization: `Bearer ${NOBODYS_KEY}` };
      const { status, code } = await outcomeOf(await ask(url, MODELS_PATH, { headers }));
      if (status === 401 || code === 'E_KEYS_MISSING') return ok('is refused');
      return warn(`is answered with ${status}`, 'A public deployment asks for none.');
    },
  },
  {
    name: 'metrics',
    async run(url) {
      const { status } = await outcomeOf(await ask(url, '/metrics'));
      if (status === 401 || status === 403 || status === 503) return ok('need a key');
      return warn(`are shown to everyone (${status})`, 'Deploy without --public, or accept it.');
    },
  },
  {
    name: 'CORS',
    async run(url) {
      const response = await ask(url, '/healthz', { headers: { origin: FOREIGN_ORIGIN } });
      await response.body?.cancel();
      const allowed = response.headers.get('access-control-allow-origin');
      if (allowed === null) return ok('pages of others may not ask');
      return warn(
        `pages of ${allowed} may ask`,
        'Name the origins: thimble deploy --origin ORIGIN',
      );
    },
  },
  {
    name: 'headers',
    async run(url) {
      const { headers, body } = await ask(url, '/healthz');
      await body?.cancel();
      const isSecure = new URL(url).protocol === 'https:';
      const wanted = [...SECURITY_HEADERS, ...(isSecure ? ['strict-transport-security'] : [])];
      const missing = wanted.filter((name) => !headers.has(name));
      if (missing.length > 0) return fail(`without ${missing.join(', ')}`, FIX_VERSION);
      return headers.has('x-request-id') ? ok('all') : fail('without x-request-id', FIX_VERSION);
    },
  },
  {
    name: 'limits',
    async run(url) {
      const key = process.env['THIMBLE_API_KEY'] ?? '';
      if (key === '')
        return warn('not looked at', 'Set THIMBLE_API_KEY to a key, whose limits are shown.');
      const headers = { authorization: `Bearer ${key}` };
      const response = await ask(url, MODELS_PATH, { headers });
      await response.body?.cancel();
      if (response.status !== 200)
        return fail(`the key is answered with ${response.status}`, FIX_KEYS);
      const limits = ['requests', 'tokens'].map(
        (what) => [what, response.headers.get(`x-ratelimit-limit-${what}`)] as const,
      );
      const without = limits.filter(([, limit]) => limit === null).map(([what]) => what);
      if (without.length > 0)
        return warn(
          `no limit of ${without.join(' and ')} in a minute`,
          'Set KEY_REQUESTS_PER_MINUTE and KEY_TOKENS_PER_MINUTE in wrangler.toml and deploy.',
        );
      return ok(limits.map(([what, limit]) => `${limit} ${what} in a minute`).join(', '));
    },
  },
];

export const ACCOUNT_CHECKS: readonly AccountCheck[] = [
  { name: 'bucket', run: checkBucketPrivate },
  {
    name: 'keys',
    run: () => withRemoteBucket(async (bucket) => describeKeys(await listKeys(bucket))),
  },
  {
    name: 'watermark',
    run: () =>
      withRemoteBucket(async (bucket) =>
        gatewayVars()['WATERMARK_KEY'] || (await bucket.getText(WATERMARK_RECORD_KEY)) !== null
          ? ok('has a key')
          : warn('has no key: texts carry none', 'thimble deploy makes one.'),
      ),
  },
  { name: 'cap', run: checkCap },
];

async function checkBucketPrivate(): Promise<CheckResult> {
  await build({ only: 'workers.json' });
  const name = modelsBucketName();
  const { code, stdout, stderr } = await runWrangler(['r2', 'bucket', 'dev-url', 'get', name]);
  const text = stdout + stderr;
  if (code !== 0) return warn(`${name}: not known`, 'Log in: npx wrangler login');
  if (/disabled|not enabled/i.test(text)) return ok(`${name} has no public address`);
  return fail(
    `${name} may be public: ${text.trim().split('\n').at(-1) ?? ''}`,
    `Close it: npx wrangler r2 bucket dev-url disable ${name}`,
  );
}

async function checkCap(): Promise<CheckResult> {
  await build({ only: 'workers.json' });
  const { tokens, usd } = readCaps(gatewayVars());
  if (tokens === Infinity && usd === Infinity)
    return fail(
      'none: what a deployment may cost has no bound',
      'Set DEPLOYMENT_USD_PER_DAY in wrangler.toml and deploy.',
    );
  return ok(`${tokens} tokens and ${usd} USD in a day, as this folder deploys it`);
}

function describeKeys(records: Awaited<ReturnType<typeof listKeys>>): CheckResult {
  const nowMs = Date.now();
  const inForce = records.filter(
    ({ revokedAt, expiresAt }) =>
      revokedAt === null && (expiresAt === null || Date.parse(expiresAt) > nowMs),
  );
  if (inForce.length === 0) return fail('none is in force', FIX_KEYS);
  const admins = inForce.filter(({ scopes }) => scopes.includes('admin')).length;
  return ok(`${inForce.length} in force, ${admins} of them for administration`);
}

async function withRemoteBucket(
  look: (bucket: Awaited<ReturnType<typeof openRemoteBucket>>) => Promise<CheckResult>,
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
