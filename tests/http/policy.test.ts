/** The policy of a deployment: what is flagged, redacted, blocked, of requests and of answers, and outages. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashBytes } from '../../scripts/lib/hash-file.ts';
import { POLICY_KEY } from '../../worker/serving/policy/policy.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';

/** Offensive for certain, and harmless. */
const BAD = 'you stupid bitch, shut the fuck up';
const GOOD = 'Once upon a time there was a little dog.';

interface Answer {
  readonly choices?: readonly {
    readonly text?: string;
    readonly finish_reason: string | null;
    readonly message?: { readonly content: string | null };
  }[];
  readonly status?: string;
  readonly incomplete_details?: { readonly reason: string } | null;
  readonly stop_reason?: string | null;
  readonly usage?: { readonly completion_tokens?: number };
  readonly error?: {
    readonly code: string;
    readonly type: string;
    readonly param: string | null;
    readonly message: string;
  };
}

interface Watched {
  readonly server: TestServer;
  /** Lines of the audit log so far. */
  readonly audit: () => Record<string, unknown>[];
}

// own servers: each has a policy of its own
async function serverWith(policy: object | string | null, inBucket = false): Promise<Watched> {
  const lines: string[] = [];
  const text = typeof policy === 'string' ? policy : JSON.stringify(policy);
  const server = await startTestServer({
    onLog: (line) => lines.push(line),
    ...(policy === null || inBucket ? {} : { vars: { POLICY: text } }),
    prepare: async (bucket) => {
      const bytes = new TextEncoder().encode(text);
      if (inBucket) await bucket.put(POLICY_KEY, bytes, hashBytes(bytes));
    },
  });
  const audit = () =>
    lines.flatMap((line) => {
      const json = /\{"event":"policy".*\}/.exec(line);
      return json === null ? [] : [JSON.parse(json[0]) as Record<string, unknown>];
    });
  return { server, audit };
}

async function ask(server: TestServer, path: string, body: object) {
  const response = await server.post(path, body);
  return { http: response.status, ...(await response.json<Answer>()) };
}

const rule = (action: string, threshold?: number) => ({
  action,
  ...(threshold === undefined ? {} : { threshold }),
});
const policyOf = (input: object, output: object, on_outage = 'closed') => ({
  ...{ version: 1, on_outage, input, output },
});
/** Every text is at least this offensive. */
const ANY = 0;

const APIS: readonly (readonly [path: string, body: (text: string) => object, field: string])[] = [
  ['/v1/chat/completions', (content) => ({ messages: [{ role: 'user', content }] }), 'messages[0]'],
  ['/v1/completions', (prompt) => ({ prompt }), 'prompt'],
  ['/v1/responses', (input) => ({ input }), 'input[0]'],
  ['/v1/messages', (content) => ({ messages: [{ role: 'user', content }] }), 'messages[0]'],
  ['/v1/tasks/summarize', (text) => ({ text }), 'text'],
];
const short = (path: string) =>
  path === '/v1/responses' ? { max_output_tokens: 16 } : { max_tokens: 16 };

describe('by default', () => {
  let watched: Watched;
  beforeAll(async () => (watched = await serverWith(null)));
  afterAll(() => watched.server.close());

  it('texts are flagged in the log, without their content, and pass', async () => {
    const before = watched.audit().length;
    const { http } = await ask(watched.server, '/v1/chat/completions', {
      messages: [{ role: 'user', content: BAD }],
      max_tokens: 4,
    });
    expect(http).toBe(200);
    const lines = watched.audit().slice(before);
    expect(lines.find(({ category }) => category === 'offensive')).toEqual({
      event: 'policy',
      request_id: expect.stringMatching(/^req_/) as string,
      subject: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      direction: 'input',
      category: 'offensive',
      score: expect.any(Number) as number,
      action: 'flag',
    });
    expect(JSON.stringify(lines)).not.toMatch(/bitch|stupid/);
    await ask(watched.server, '/v1/completions', { prompt: GOOD, max_tokens: 4, temperature: 0 });
    expect(watched.audit().length - before).toBe(lines.length);
  });
});

describe('a policy that blocks requests', () => {
  let watched: Watched;
  beforeAll(async () => {
    watched = await serverWith(policyOf({ offensive: rule('block') }, {}), true);
  });
  afterAll(() => watched.server.close());

  it.each(APIS)('%s refuses by name, also streamed', async (path, body, field) => {
    for (const stream of [false, true]) {
      const { http, error } = await ask(watched.server, path, {
        ...{ ...body(BAD), ...short(path), stream },
      });
      // Anthropic has no code of its own for it.
      const code = path === '/v1/messages' ? 'E_POLICY_BLOCKED' : 'content_policy_violation';
      expect([http, error?.code, error?.param]).toEqual([400, code, field]);
      expect(error?.message).not.toMatch(/bitch|stupid/);
    }
    const { http } = await ask(watched.server, path, { ...body(GOOD), ...short(path) });
    expect(http).toBe(200);
    expect(watched.audit().at(-1)).toMatchObject({ direction: 'input', action: 'block' });
  });

  it("has OpenAI's type, and sees token ids and earlier turns", async () => {
    const { error } = await ask(watched.server, '/v1/completions', { prompt: BAD });
    expect(error?.type).toBe('content_policy_violation');
    const tokenized = await watched.server.post('/tokenize', { text: BAD });
    const { tokens } = await tokenized.json<{ tokens: number[] }>();
    const ids = await ask(watched.server, '/v1/completions', { prompt: tokens, max_tokens: 2 });
    expect(ids.error?.code).toBe('content_policy_violation');
    const earlier = await ask(watched.server, '/v1/chat/completions', {
      messages: [
        { role: 'user', content: BAD },
        { role: 'assistant', content: 'Hm.' },
        { role: 'user', content: GOOD },
      ],
      max_tokens: 2,
    });
    expect(earlier.error?.param).toBe('messages[0]');
  });
});

describe('a policy that redacts requests', () => {
  let watched: Watched;
  beforeAll(async () => (watched = await serverWith(policyOf({ offensive: rule('redact') }, {}))));
  afterAll(() => watched.server.close());

  it('the model reads what is left', async () => {
    const sent = (prompt: string) =>
      ask(watched.server, '/v1/completions', { prompt, max_tokens: 12, temperature: 0 });
    const redacted = await sent(BAD);
    expect(redacted.choices).toEqual((await sent('[removed]')).choices);
    expect(redacted.choices).not.toEqual((await sent(GOOD)).choices);
    expect(watched.audit()[0]).toMatchObject({ action: 'redact' });
  });
});

describe('a policy that blocks any answer', () => {
  let watched: Watched;
  beforeAll(async () => {
    watched = await serverWith(policyOf({}, { offensive: rule('block', ANY) }));
  });
  afterAll(() => watched.server.close());

  it('nothing of it is passed on, and every API says why', async () => {
    const [chat, completion, response, message] = await Promise.all(
      APIS.slice(0, 4).map(([path, body]) =>
        ask(watched.server, path, { ...body(GOOD), ...short(path) }),
      ),
    );
    expect(chat!.choices?.[0]).toMatchObject({ finish_reason: 'content_filter' });
    expect(chat!.choices?.[0]?.message?.content ?? '').toBe('');
    expect(completion!.choices?.[0]).toMatchObject({ text: '', finish_reason: 'content_filter' });
    expect(response!).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'content_filter' },
    });
    expect(message!.stop_reason).toBe('refusal');
    // What was generated is counted all the same.
    expect(completion!.usage?.completion_tokens).toBeGreaterThan(3);
    const [, , , , task] = APIS;
    const summary = await ask(watched.server, task![0], { ...task![1](GOOD), ...short(task![0]) });
    expect([summary.http, summary.error?.code]).toEqual([400, 'content_policy_violation']);
    expect(watched.audit().every(({ direction }) => direction === 'output')).toBe(true);
  });

  it('a stream ends before the first text', async () => {
    const response = await watched.server.post('/v1/chat/completions', {
      ...{ messages: [{ role: 'user', content: GOOD }], max_tokens: 40, stream: true },
    });
    const text = await response.text();
    expect(text).toContain('"finish_reason":"content_filter"');
    expect(text).not.toMatch(/"content":"[^"]/);
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
  });
});

describe('a policy that blocks some answers', () => {
  let watched: Watched;
  beforeAll(async () => {
    watched = await serverWith(policyOf({}, { offensive: rule('block') }));
  });
  afterAll(() => watched.server.close());

  it('others pass unchanged, whole, streamed, and with log-probabilities', async () => {
    const plain = await serverWith(policyOf({}, {}));
    const body = { prompt: GOOD, max_tokens: 80, temperature: 0, logprobs: 1 };
    const [guarded, free] = await Promise.all(
      [watched, plain].map(({ server }) => ask(server, '/v1/completions', body)),
    );
    expect(guarded!.choices).toEqual(free!.choices);
    expect(guarded!.usage?.completion_tokens).toBe(80);
    const streamed = await watched.server.post('/v1/completions', { ...body, stream: true });
    const text = (await streamed.text())
      .split('\n')
      .filter((line) => line.startsWith('data: {'))
      .map((line) => (JSON.parse(line.slice(6)) as Answer).choices?.[0]?.text ?? '')
      .join('');
    expect(text).toBe(free!.choices?.[0]?.text);
    await plain.server.close();
  });
});

describe('an outage is no verdict', () => {
  it.each([
    ['{"version": 2}', 'version'],
    ['no JSON', 'JSON'],
    [JSON.stringify(policyOf({ weather: rule('block') }, {})), 'hate, offensive'],
    [JSON.stringify(policyOf({ hate: rule('shout') }, {})), 'hate'],
  ])('a policy that cannot be read refuses all: %s', async (text, named) => {
    const { server } = await serverWith(text, true);
    const response = await server.post('/v1/completions', { prompt: GOOD, max_tokens: 2 });
    const { error } = await response.json<Answer>();
    expect([response.status, error?.code]).toEqual([503, 'E_POLICY_UNAVAILABLE']);
    expect(response.headers.get('retry-after')).not.toBeNull();
    expect(error?.message).toContain(named);
    await server.close();
  });
});
