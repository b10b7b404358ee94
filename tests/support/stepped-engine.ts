/** Engines of a tiny real model whose steps are counted, and what their generations tell. */
import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { plainTurns } from '../../engine/base/turns.ts';
import type { Engine, EngineOptions } from '../../engine/generate/engine.ts';
import type { GenerateEvent } from '../../engine/generate/types.ts';
import { Llama2cReference } from './llama2c-reference.ts';
import { engineFrom, STORIES_FILE } from './models.ts';
import { BOS, request } from './requests.ts';
import type { RequestChanges } from './requests.ts';

/** What steps cost decides drafts and chunks: by a clock that stands still in a file's tests it is always the same. */
export function standStill(): void {
  beforeEach(() => void vi.spyOn(performance, 'now').mockReturnValue(1000));
  afterEach(() => void vi.restoreAllMocks());
}

export const never = () => new AbortController().signal;

export async function eventsOf(engine: Engine, changes: RequestChanges, signal = never()) {
  const events: GenerateEvent[] = [];
  for await (const event of engine.generate(request(changes), signal)) events.push(event);
  return events;
}

/** Tokens and their log-probabilities, the part of an answer that mates must not change. */
export function content(events: readonly GenerateEvent[]) {
  return events.flatMap((event) => (event.type === 'token' ? [event] : []));
}

export function usageOf(events: readonly GenerateEvent[]) {
  const done = events.at(-1);
  if (done?.type !== 'done') throw new Error('no done event');
  return done.usage;
}

/** An engine whose steps are counted, and at whose end of a step something may happen. */
export async function steppedEngine(options: EngineOptions = {}) {
  const steps = { n: 0, after: (_n: number): void => undefined };
  const engine = await engineFrom(STORIES_FILE, 'lossless', {
    ...options,
    openTurns: plainTurns(async () => {
      steps.after(++steps.n);
      await setImmediate();
    }),
  });
  return { engine, steps };
}

/** Every page is free or kept, and goes to one that needs all of them. */
export async function expectNothingHeld(engine: Engine): Promise<void> {
  expect(engine.stats()).toMatchObject({ nRunning: 0, nQueued: 0, nPromisedPages: 0 });
  const events = await eventsOf(engine, { maxTokens: engine.nCtx - 2 });
  expect(usageOf(events).completionTokens).toBe(engine.nCtx - 2);
}

/** The likeliest tokens after the begin of a text, one after the other, by plain sums. */
export async function greedyReference(n: number): Promise<number[]> {
  const model = new Llama2cReference(new Uint8Array(await readFile(STORIES_FILE)));
  const tokens: number[] = [];
  for (let token = BOS; tokens.length < n; tokens.push(token)) {
    const logits = model.next(token);
    token = logits.indexOf(Math.max(...logits));
  }
  return tokens;
}
