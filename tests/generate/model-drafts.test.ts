/** A second model that guesses ahead: the text stays, steps are saved, other vocabularies are refused. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Generation } from '../../engine/generate/generation.ts';
import type { DraftModel } from '../../engine/generate/model-drafts.ts';
import { tokenPrompt } from '../../engine/generate/prompt.ts';
import { Scheduler } from '../../engine/generate/scheduler.ts';
import { StepLoop } from '../../engine/generate/step-loop.ts';
import { plainTurns } from '../../engine/base/turns.ts';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import type { GenerateUsage } from '../../engine/generate/types.ts';
import type { SamplingParams } from '../../engine/sample/params.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';
import { Llama2cReference } from '../support/llama2c-reference.ts';
import { decoderFrom, engineFrom, STORIES_FILE, temporaryFolder } from '../support/models.ts';
import { randomConfig, randomGguf, randomLlama } from '../support/random-llama.ts';

beforeEach(() => void vi.spyOn(performance, 'now').mockReturnValue(1000));
afterEach(() => void vi.restoreAllMocks());

const GREEDY = { ...DEFAULT_SAMPLING, temperature: 0 };
const N_TOKEN = 120;

function schedulerOf(decoder: Decoder): Scheduler {
  const copyPage = (from: number, to: number) => decoder.copyPage(from, to);
  return new Scheduler({ nPage: decoder.plan.nPage, copyPage });
}

/** Real text in `file`'s words: what the model itself says, then once more a part of it. */
async function prompts(): Promise<number[][]> {
  const model = new Llama2cReference(new Uint8Array(await readFile(STORIES_FILE)));
  const text = [1];
  while (text.length < 160) {
    const logits = model.next(text.at(-1));
    text.push(logits.indexOf(Math.max(...logits)));
  }
  return [text.slice(0, 3), text.slice(0, 140)];
}

/** Runs the prompts at once; `draft` is worth a tenth of a pass a token. */
async function run(sampling: SamplingParams, draft: Decoder | null) {
  const { decoder } = await decoderFrom(STORIES_FILE, 'lossless');
  const draftModel: DraftModel | null =
    draft === null ? null : { decoder: draft, scheduler: schedulerOf(draft), tokenCost: 0.1 };
  let nStep = 0;
  const turns = plainTurns(async () => {
    nStep++;
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  });
  const loop = new StepLoop(decoder, schedulerOf(decoder), turns);
  const answers = [];
  for (const [age, promptTokens] of (await prompts()).entries()) {
    const speculation = draft === null ? 'off' : 'auto';
    const generation = new Generation(
      decoder,
      {
        ...{
          prompt: tokenPrompt(promptTokens),
          maxTokens: N_TOKEN,
          sampling,
          stopTokens: [],
          speculation,
        },
        ...{ topLogprobs: 1, promptLogprobs: false },
      },
      { age, nCtx: 512, keep: true, draftModel },
    );
    const tokens: unknown[] = [];
    let usage: GenerateUsage | null = null;
    for await (const event of loop.run(generation, new AbortController().signal)) {
      if (event.type === 'token') tokens.push(event);
      if (event.type === 'done') usage = event.usage;
    }
    answers.push({ tokens, usage: usage! });
  }
  return { answers, nStep, draftModel };
}

describe('a draft model', () => {
  it.each([
    ['greedy', GREEDY],
    ['sampled', { ...DEFAULT_SAMPLING, temperature: 0.5, seed: 6 }],
    ['watermarked', { ...DEFAULT_SAMPLING, temperature: 0.5, watermark: [1, 2, 3, 4] as const }],
    ['Mirostat', { ...DEFAULT_SAMPLING, temperature: 0.5, mirostat: 2 as const, mirostatTau: 1 }],
  ])('of the same mind saves steps and changes nothing, %s', async (_, sampling) => {
    const { decoder } = await decoderFrom(STORIES_FILE, 'lossless');
    const off = await run(sampling, null);
    const on = await run(sampling, decoder);
    expect(on.answers.map(({ tokens }) => tokens)).toEqual(off.answers.map(({ tokens }) => tokens));
    expect(on.nStep).toBeLessThan(0.75 * off.nStep);
    for (const { usage } of on.answers) {
      expect(usage.acceptedTokens).toBeGreaterThan(20);
      expect(usage.acceptedTokens).toBeLessThanOrEqual(usage.draftedTokens);
    }
    // Nothing of it is held any more but what is kept.
    expect(on.draftModel?.scheduler.nPromisedPages).toBe(0);
  });

  it('of another vocabulary is refused by name, one of the same is taken', async () => {
    const config = randomConfig();
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'random.gguf');
    await writeFile(file, randomGguf(config, randomLlama(config)));
    const other = await engineFrom(file, 'lossless');
    await expect(engineFrom(STORIES_FILE, 'lossless', { draft: other })).rejects.toMatchObject({
      code: 'E_REQUEST_INVALID',
      param: 'draft',
      message: expect.stringMatching(/has another tokenizer/) as string,
    });
    const same = await engineFrom(STORIES_FILE, 'lossless');
    const engine = await engineFrom(STORIES_FILE, 'lossless', { draft: same });
    expect(engine.nCtx).toBe(512);
  });
});
