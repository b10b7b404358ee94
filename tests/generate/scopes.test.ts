/** Scopes over a real tiny model: nobody's kept prefix serves, or shows itself to, another's request. */
import { beforeAll, describe, expect, it } from 'vitest';
import { PAGE_TOKENS } from '../../engine/cache/geometry.ts';
import type { Engine } from '../../engine/generate/engine.ts';
import { Generation } from '../../engine/generate/generation.ts';
import { Scheduler } from '../../engine/generate/scheduler.ts';
import { StepLoop } from '../../engine/generate/step-loop.ts';
import { plainTurns } from '../../engine/base/turns.ts';
import type { GenerateUsage } from '../../engine/generate/types.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';
import { decoderFrom, engineFrom, STORIES_FILE } from '../support/models.ts';
import { BOS, request } from '../support/requests.ts';

const PROMPT = [BOS, ...Array.from({ length: 3 * PAGE_TOKENS }, (_, i) => 260 + ((i * 7) % 200))];

let engine: Engine;
beforeAll(async () => void (engine = await engineFrom(STORIES_FILE, 'lossless')));

async function ask(promptTokens: readonly number[], scope?: string) {
  const tokens: number[] = [];
  let usage: GenerateUsage | null = null;
  const asked = request({ promptTokens, maxTokens: 12, ...(scope === undefined ? {} : { scope }) });
  for await (const event of engine.generate(asked, new AbortController().signal)) {
    if (event.type === 'token') tokens.push(event.token);
    if (event.type === 'done') usage = event.usage;
  }
  return { tokens, cached: usage!.cachedTokens };
}

describe('a prompt asked before', () => {
  it('is cached within its scope and for nobody else', async () => {
    const first = await ask(PROMPT, 'ann');
    expect(first.cached).toBe(0);
    const stranger = await ask(PROMPT, 'bob');
    const nobody = await ask(PROMPT);
    expect([stranger.cached, nobody.cached]).toEqual([0, 0]);
    expect([stranger.tokens, nobody.tokens]).toEqual([first.tokens, first.tokens]);
    // Each goes on with its own, up to the last token.
    for (const scope of ['ann', 'bob', undefined, ''])
      expect(await ask(PROMPT, scope)).toEqual({
        tokens: first.tokens,
        cached: PROMPT.length - 1,
      });
  });

  it('shares a part of a page as ever within a scope', async () => {
    const head = [...PROMPT.slice(0, PAGE_TOKENS + 9), 300, 301];
    expect((await ask(head, 'carl')).cached).toBe(0);
    expect((await ask([...head.slice(0, -2), 302], 'carl')).cached).toBe(PAGE_TOKENS + 9);
    expect((await ask([...head.slice(0, -2), 303], 'dora')).cached).toBe(0);
  });

  it.each([['x'.repeat(257)], [7 as unknown as string]])(
    'a scope of %s is refused',
    async (scope) => {
      await expect(ask(PROMPT, scope)).rejects.toMatchObject({
        code: 'E_REQUEST_INVALID',
        param: 'scope',
        message: expect.stringMatching(/at most 256 characters/) as string,
      });
    },
  );
});

it('what a draft model read is kept within the scope, too', async () => {
  const scheduler = (of: Decoder) =>
    new Scheduler({ nPage: of.limits.nPage, copyPage: (from, to) => of.copyPage(from, to) });
  const [{ decoder }, { decoder: draft }] = await Promise.all([
    decoderFrom(STORIES_FILE, 'lossless'),
    decoderFrom(STORIES_FILE, 'lossless'),
  ]);
  const draftModel = { decoder: draft, scheduler: scheduler(draft), tokenCost: 0.01 };
  const turns = plainTurns(() => Promise.resolve());
  const loop = new StepLoop(decoder, scheduler(decoder), turns);
  const asked = request({ promptTokens: PROMPT, maxTokens: 30, scope: 'ann' });
  const generation = new Generation(decoder, asked, { age: 0, nCtx: 512, keep: true, draftModel });
  for await (const event of loop.run(generation, new AbortController().signal))
    if (event.type === 'done') expect(event.usage.draftedTokens).toBeGreaterThan(0);
  const reread = (scope: string) => {
    const prompt = { root: { scope, adapter: null }, items: PROMPT };
    const lease = draftModel.scheduler.admit({ prompt, nTokens: 200, age: 1, mayGrow: false })!;
    const cached = lease.sequence.items.length;
    draftModel.scheduler.end(lease, true);
    return cached;
  };
  expect([reread('bob'), reread('ann')]).toEqual([0, PROMPT.length - 1]);
});
