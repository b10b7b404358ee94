/** Rulings without a server: outages, windows of answers, borders between them, calls, and redactions. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NO_USAGE } from '../../../engine/generate/types.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';
import { callerOf } from '../../../worker/platform/caller.ts';
import type { AnswerEvent } from '../../../worker/serving/generation/tool-events.ts';
import { rule } from '../../../worker/serving/policy/decide.ts';
import { guardOutput } from '../../../worker/serving/policy/guard-output.ts';
import { DEFAULT_POLICY, parsePolicy } from '../../../worker/serving/policy/policy.ts';
import type { Action, Policy } from '../../../worker/serving/policy/policy.ts';
import { provideClassifier } from '../../../worker/serving/policy/text-judge.ts';

const CALLER = callerOf('somebody', 'req_1');
const GOOD =
  'The library opens at nine on Mondays, and on Sundays it stays closed for the whole day. ';
const BAD = 'Shut the fuck up you stupid bitch. ';
const weights = new Uint8Array(
  readFileSync(join(repoRoot, 'assets/moderation/text-classifier.bin')),
).buffer;

let lines: string[] = [];
beforeEach(() => {
  lines = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  provideClassifier(weights);
});
afterEach(() => {
  vi.restoreAllMocks();
  provideClassifier(null);
});

function policyOf(action: Action, on_outage: Policy['on_outage'] = 'closed'): Policy {
  const rules = { offensive: { action } };
  return { version: 1, on_outage, input: rules, output: rules };
}
const logged = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

describe('an outage', () => {
  beforeEach(() => provideClassifier(null));

  it('refuses where the policy is closed and something could be held back', async () => {
    await expect(rule(policyOf('block'), 'input', BAD, CALLER)).rejects.toMatchObject({
      code: 'E_POLICY_UNAVAILABLE',
    });
    expect(logged()).toMatchObject([{ outage: true, action: 'closed', direction: 'input' }]);
  });

  it.each([
    ['open', policyOf('block', 'open')],
    ['closed, but only flags', policyOf('flag')],
    ['the default', DEFAULT_POLICY],
  ])('passes where the policy is %s, and is logged', async (_, policy) => {
    const ruling = await rule(policy, 'input', BAD, CALLER);
    expect(ruling).toEqual({ isBlocked: false, text: BAD });
    expect(logged()).toMatchObject([{ event: 'policy', outage: true }]);
  });

  it('is one, too, when the weights are damaged', async () => {
    provideClassifier(weights.slice(0, 1000));
    await expect(rule(policyOf('block'), 'input', BAD, CALLER)).rejects.toMatchObject({
      code: 'E_POLICY_UNAVAILABLE',
    });
  });
});

/** Texts of these lengths, as a stage's tokens come. */
async function* answer(text: string, chars = 7): AsyncGenerator<AnswerEvent, void, void> {
  await Promise.resolve();
  yield { type: 'start', usage: NO_USAGE };
  for (let i = 0; i < text.length; i += chars)
    yield { type: 'text', text: text.slice(i, i + chars), tokens: [] };
  yield { type: 'done', reason: 'stop', stop: null, usage: NO_USAGE };
}

async function guarded(policy: Policy, events: AsyncGenerator<AnswerEvent, void, void>) {
  const got: AnswerEvent[] = [];
  for await (const event of guardOutput(policy, CALLER, events, { n: 11 })) got.push(event);
  const text = got.map((event) => ('text' in event ? event.text : '')).join('');
  const done = got.at(-1);
  return { got, text, reason: done?.type === 'done' ? done.reason : null };
}

describe('answers', () => {
  it.each([1, 7, 50, 1000])(
    'of harmless text pass unchanged, %i characters at a time',
    async (n) => {
      const text = GOOD.repeat(8);
      const { text: passed, reason, got } = await guarded(policyOf('block'), answer(text, n));
      expect([passed, reason, got[0]?.type]).toEqual([text, 'stop', 'start']);
      expect(lines).toEqual([]);
    },
  );

  it.each([0, 1, 2, 3, 5])('end before a sentence that is blocked, after %i others', async (n) => {
    const { text, reason, got } = await guarded(
      policyOf('block'),
      answer(GOOD.repeat(n) + BAD + GOOD.repeat(3)),
    );
    expect(text).not.toMatch(/fuck|bitch/);
    expect(text).toBe(GOOD.repeat(n).slice(0, text.length));
    expect(text.length).toBeGreaterThanOrEqual(GOOD.length * (n - 1) - 1);
    expect(reason).toBe('content_filter');
    expect(got.at(-1)).toMatchObject({ usage: { completionTokens: 11 } });
  });

  it('end the generation, too', async () => {
    let nMade = 0;
    async function* counted(): AsyncGenerator<AnswerEvent, void, void> {
      for await (const event of answer(BAD.repeat(100))) {
        nMade++;
        yield event;
      }
    }
    await guarded(policyOf('block'), counted());
    expect(nMade).toBeLessThan(60);
  });

  it('hide nothing on the border of two windows', async () => {
    for (let shift = 0; shift < 60; shift += 3) {
      const before = 'word '.repeat(48).slice(0, 200 + shift);
      const { reason, text } = await guarded(
        policyOf('block'),
        answer(`${before} ${BAD.trim()} ${GOOD}`, 1),
      );
      expect(reason).toBe('content_filter');
      expect(text).not.toContain('bitch');
    }
  });

  it('are redacted in their place', async () => {
    const { text, reason } = await guarded(
      policyOf('redact'),
      answer(GOOD.repeat(3) + BAD.repeat(2) + GOOD.repeat(3)),
    );
    expect(text).toContain('[removed]');
    expect(text).not.toMatch(/fuck|bitch/);
    expect([text.startsWith(GOOD), text.endsWith(GOOD), reason]).toEqual([true, true, 'stop']);
  });

  it.each(['block', 'redact'] as const)(
    'with arguments of a call: %s ends them',
    async (action) => {
      async function* call(): AsyncGenerator<AnswerEvent, void, void> {
        await Promise.resolve();
        yield { type: 'start', usage: NO_USAGE };
        yield { type: 'call', index: 0, id: 'call_1', name: 'send' };
        yield { type: 'arguments', index: 0, text: `{"text": "${BAD}"}` };
        yield { type: 'done', reason: 'tool_calls', stop: null, usage: NO_USAGE };
      }
      const { got, reason } = await guarded(policyOf(action), call());
      expect(got.map(({ type }) => type)).toEqual(['start', 'call', 'done']);
      expect(reason).toBe('content_filter');
    },
  );

  it('pass at once where they are only flagged, and are judged at their end', async () => {
    const { text, reason } = await guarded(policyOf('flag'), answer(GOOD + BAD));
    expect([text, reason]).toEqual([GOOD + BAD, 'stop']);
    expect(logged()).toMatchObject([{ direction: 'output', action: 'flag', request_id: 'req_1' }]);
    expect(lines.join()).not.toMatch(/somebody|bitch/);
  });
});

it('a policy takes a threshold and leaves out what it does not name', () => {
  const policy = parsePolicy(
    '{"version": 1, "on_outage": "open", "input": {"hate": {"action": "block", "threshold": 0.9}}}',
  );
  expect(policy).toEqual({
    ...{ version: 1, on_outage: 'open', output: {} },
    input: { hate: { action: 'block', threshold: 0.9 } },
  });
  expect(() =>
    parsePolicy('{"version":1,"on_outage":"open","input":{"hate":{"threshold":1}}}'),
  ).toThrow(/input\.hate\.action/);
});
