/** Models whose layers all look back at most a window: pages before it serve others. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { PagePool, Sequence } from '../../engine/cache/pages.ts';
import type { Engine } from '../../engine/generate/engine.ts';
import { tokenPrompt } from '../../engine/generate/prompt.ts';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';
import { decoderFrom, engineFrom, temporaryFolder } from '../support/models.ts';
import { randomConfig, randomGguf, randomLlama, randomTokens } from '../support/random-llama.ts';

const WINDOW = 20;
const METADATA = { metadata: { 'llama.attention.sliding_window': ['u32', WINDOW] } } as const;
const PROMPT_TOKENS = 100;
const MAX_TOKENS = 300;
const PROMPTS = [1, 2, 3, 4].map((seed) => randomTokens(PROMPT_TOKENS, seed));

let engine: Engine;
let decoder: Decoder;
beforeAll(async () => {
  const config = randomConfig({ nCtx: 512 });
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'windows.gguf');
  await writeFile(file, randomGguf(config, randomLlama(config), METADATA));
  engine = await engineFrom(file, 'lossless');
  ({ decoder } = await decoderFrom(file, 'lossless'));
});

/** Greedy, alone, on pages that are never given back. */
function alone(prompt: readonly number[]): number[] {
  const sequence = new Sequence(new PagePool(decoder.plan.nPage));
  const tokens: number[] = [];
  let next = [...prompt];
  while (tokens.length < MAX_TOKENS) {
    const part = next.slice(0, 48);
    next = next.slice(48);
    sequence.reserve(sequence.items.length + part.length);
    const rows = { inputs: part, sequence, slot: 0, logitsFrom: part.length - 1, adapter: null };
    decoder.forward([rows], () => {
      if (next.length === 0) tokens.push(decoder.argmax(0));
    });
    if (next.length === 0) next = tokens.slice(-1);
  }
  return tokens;
}

async function generate(promptTokens: readonly number[], onToken = (): void => undefined) {
  const tokens: number[] = [];
  const request = {
    prompt: tokenPrompt(promptTokens),
    maxTokens: MAX_TOKENS,
    sampling: { ...DEFAULT_SAMPLING, temperature: 0 },
    stopTokens: [],
    topLogprobs: null,
    promptLogprobs: false,
  };
  for await (const event of engine.generate(request, new AbortController().signal)) {
    if (event.type !== 'token') continue;
    tokens.push(event.token);
    onToken();
  }
  return tokens;
}

describe('a model of windows only', () => {
  it('says the same on pages that are given back and written again by others', async () => {
    expect(decoder.config.windows).toEqual([WINDOW, WINDOW]);
    let mostPromised = 0;
    let mostRunning = 0;
    const texts = await Promise.all(
      PROMPTS.map((prompt) =>
        generate(prompt, () => {
          const { nPromisedPages, nRunning } = engine.stats();
          mostPromised = Math.max(mostPromised, nPromisedPages);
          mostRunning = Math.max(mostRunning, nRunning);
        }),
      ),
    );
    // 400 positions are 13 pages each, of 16: without windows one at a time.
    expect([mostRunning, mostPromised]).toEqual([4, 16]);
    for (const [i, prompt] of PROMPTS.entries()) expect(texts[i]).toEqual(alone(prompt));
    expect(engine.stats()).toMatchObject({ nRunning: 0, nPromisedPages: 0 });
  });

  it('goes on with a text whose window is still there, and starts another anew', async () => {
    const prompt = PROMPTS[0]!;
    const first = await generate(prompt);
    const longer = [...prompt, ...first.slice(0, 60)];
    // Its end lies before what is still held: nothing of it can be used.
    expect(await generate(longer)).toEqual(alone(longer));
  });
});
