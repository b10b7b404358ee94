/** The rows of `thimble doctor --remote`: a deployment as anybody may see it. Nothing is changed. */
import process from 'node:process';
import type { CheckResult } from './doctor-checks.ts';

export interface RemoteCheck {
  readonly name: string;
  readonly run: (url: string) => Promise<CheckResult>;
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
export const FIX_KEYS = 'Create one: thimble keys create --remote --name NAME';
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
      if (response.status === 429)
        return warn('the key has reached its own', 'Wait a minute, and check again.');
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
      return ok(`${limits.map(([what, limit]) => `${limit} ${what}`).join(', ')} in a minute`);
    },
  },
];
