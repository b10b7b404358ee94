/** The engine over a tiny model with random weights: any audio, any request, any end. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import type { RecognitionEngine } from '../../engine/transcribe/recognition-engine.ts';
import { MAX_SAMPLES } from '../../engine/transcribe/types.ts';
import type { TranscribeEvent, TranscribeOptions } from '../../engine/transcribe/types.ts';
import { temporaryFolder } from '../support/models.ts';
import {
  eventsOf,
  recognitionEngineFrom,
  recognitionPartsFrom,
  transcribeAll,
} from '../support/recognition-models.ts';
import { chirp, noise, RATE } from '../support/recordings.ts';
import { TINY_WHISPER, writeTinyCtranslate2 } from '../support/tiny-whisper.ts';

let root: Awaited<ReturnType<typeof temporaryFolder>>;
let folder: string;
let engine: RecognitionEngine;
beforeAll(async () => {
  root = await temporaryFolder();
  folder = await writeTinyCtranslate2(join(root.path, 'tiny'));
  ({ engine } = await recognitionEngineFrom(folder, 'q8'));
});
afterAll(async () => {
  await root[Symbol.asyncDispose]();
});

const GREEDY: Partial<TranscribeOptions> = { temperatures: [0] };
const { timestampBegin, endOfText } = TINY_WHISPER.tokens;

function tokensOf(events: readonly TranscribeEvent[]): number[] {
  return eventsOf(events, 'token').map(({ token }) => token);
}

describe('transcribe', () => {
  it.each([
    ['10 ms', chirp(RATE / 100)],
    ['one sample', new Float32Array(1)],
    ['silence', new Float32Array(2 * RATE)],
    ['noise', noise(5 * RATE)],
    ['all 30 s', chirp(MAX_SAMPLES)],
    ['loud', chirp(RATE).map((x) => x * 1e6)],
    ['subnormal', chirp(RATE).map((x) => x * 1e-40)],
  ])('ends well: %s', async (_, samples) => {
    const events = await transcribeAll(engine, samples, { withWords: true });
    const types = events.map(({ type }) => type);
    expect(types.slice(0, 2)).toEqual(['start', 'language']);
    expect(types.slice(-2)).toEqual(['words', 'done']);
    const order = ['start', 'language', 'token', 'segment', 'words', 'done'];
    const ranks = types.filter((type) => type !== 'retry').map((type) => order.indexOf(type));
    expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
    const [done] = eventsOf(events, 'done');
    const seconds = samples.length / RATE;
    expect(done!.usage.audioSeconds).toBeCloseTo(seconds, 9);
    expect(done!.usage.encodedSeconds).toBe(
      seconds > 29 ? 30 : Math.max(10, done!.usage.encodedSeconds),
    );
    expect(done!.consumedSeconds).toBeLessThanOrEqual(seconds);
    for (const { start, end, tokens } of eventsOf(events, 'segment')) {
      expect(start).toBeLessThan(end);
      expect(end).toBeLessThanOrEqual(seconds);
      expect(tokens.every((token) => token < endOfText)).toBe(true);
    }
    const [words] = eventsOf(events, 'words');
    const text = eventsOf(events, 'segment').flatMap(({ tokens }) => tokens);
    expect(words!.tokens.map(({ token }) => token)).toEqual(text);
    for (const { start, end, probability } of words!.tokens) {
      expect(start).toBeLessThanOrEqual(end);
      expect(probability).toBeGreaterThanOrEqual(0);
      expect(probability).toBeLessThanOrEqual(1);
    }
  });

  it('keeps the rules of tokens, whatever the temperature', async () => {
    for (const temperature of [0, 0.5, 1]) {
      const tokens = tokensOf(
        await transcribeAll(engine, noise(RATE), { temperatures: [temperature] }),
      );
      expect(tokens[0]).toBeGreaterThanOrEqual(timestampBegin);
      expect(tokens[0]).toBeLessThanOrEqual(timestampBegin + 50);
      const times = tokens.filter((token) => token >= timestampBegin);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      for (const token of tokens) {
        expect(TINY_WHISPER.suppress).not.toContain(token);
        expect(token < endOfText || token >= timestampBegin).toBe(true);
      }
    }
  });

  it('writes no times where none are wanted', async () => {
    const events = await transcribeAll(engine, noise(RATE), { ...GREEDY, withTimestamps: false });
    expect(tokensOf(events).every((token) => token < endOfText)).toBe(true);
    expect(eventsOf(events, 'segment').length).toBeLessThanOrEqual(1);
  });

  it('takes no more tokens than wanted', async () => {
    const events = await transcribeAll(engine, noise(RATE), { ...GREEDY, maxTokens: 3 });
    expect(tokensOf(events).length).toBeLessThanOrEqual(3);
    const [done] = eventsOf(events, 'done');
    expect(done!.reason).toBe('length');
  });

  it('draws the same tokens for a seed, and others for another', async () => {
    const drawn = async (seed: number) =>
      tokensOf(await transcribeAll(engine, noise(RATE), { temperatures: [1], seed }));
    const first = await drawn(1);
    expect(await drawn(1)).toEqual(first);
    expect(await drawn(2)).not.toEqual(first);
  });

  it('tries temperatures in order until an answer will do', async () => {
    const temperatures = [0, 0.4, 1];
    const never = { logprobThreshold: 0, noSpeechThreshold: null };
    const events = await transcribeAll(engine, noise(RATE), { temperatures, ...never });
    expect(eventsOf(events, 'retry').map(({ temperature }) => temperature)).toEqual([0.4, 1]);
    const [done] = eventsOf(events, 'done');
    expect(done!.usage.attempts).toBe(3);
    const always = { logprobThreshold: null, repetitionThreshold: null };
    const [once] = eventsOf(
      await transcribeAll(engine, noise(RATE), { temperatures: [0.4, 1], ...always }),
      'done',
    );
    expect(once!.quality.temperature).toBe(0.4);
  });

  it('lets two at a time wait for each other', async () => {
    const [a, b] = [noise(RATE, 3), chirp(2 * RATE)];
    const alone = [await transcribeAll(engine, a, GREEDY), await transcribeAll(engine, b, GREEDY)];
    const together = await Promise.all([
      transcribeAll(engine, a, GREEDY),
      transcribeAll(engine, b, GREEDY),
    ]);
    expect(together.map(tokensOf)).toEqual(alone.map(tokensOf));
    expect(engine.stats()).toMatchObject({ nRunning: 0, nQueued: 0 });
  });

  it('lets three wait, and tells the next to come again', async () => {
    const all = Array.from({ length: 6 }, () => transcribeAll(engine, noise(RATE), GREEDY));
    const ends = await Promise.allSettled(all);
    const refused = ends.filter((end) => end.status === 'rejected');
    expect(refused.length).toBe(2);
    for (const { reason } of refused)
      expect(reason).toMatchObject({ code: 'E_BUSY', details: { retryAfterS: 2 } });
    expect(engine.stats()).toMatchObject({ nRunning: 0, nQueued: 0 });
  });

  it('is free again when its reader leaves, or aborts, or waits in vain', async () => {
    const request = { ...GREEDY };
    const want = tokensOf(await transcribeAll(engine, noise(RATE), request));
    const controller = new AbortController();
    let seen = 0;
    const left = transcribeAll(engine, noise(RATE), request, controller.signal);
    const waiting = transcribeAll(engine, chirp(RATE), request, controller.signal);
    controller.abort();
    await expect(left).rejects.toMatchObject({ code: 'E_ABORTED' });
    await expect(waiting).rejects.toMatchObject({ code: 'E_ABORTED' });
    const { DEFAULT_TRANSCRIBE } = await import('../../engine/transcribe/types.ts');
    const events = engine.transcribe(
      { ...DEFAULT_TRANSCRIBE, ...request, samples: noise(RATE) },
      new AbortController().signal,
    );
    for await (const event of events) if (event.type === 'token' && ++seen === 2) break;
    expect(tokensOf(await transcribeAll(engine, noise(RATE), request))).toEqual(want);
    expect(engine.stats()).toMatchObject({ nRunning: 0, nQueued: 0 });
  });

  it.each<[string, Partial<TranscribeOptions> & { samples?: unknown }, string]>([
    ['no samples', { samples: new Float32Array(0) }, 'file'],
    ['too many samples', { samples: new Float32Array(MAX_SAMPLES + 1) }, 'file'],
    ['no numbers', { samples: Float32Array.of(0, NaN) }, 'file'],
    ['infinity', { samples: Float32Array.of(0, Infinity) }, 'file'],
    ['an array of another type', { samples: [0, 1] }, 'file'],
    ['a language of others', { language: 'de' }, 'language'],
    ['no language', { languages: [] }, 'languages'],
    ['languages of others', { languages: ['en', 'xx'] }, 'languages'],
    ['translation', { task: 'translate' }, 'task'],
    ['a sign in the prompt', { promptTokens: [endOfText] }, 'prompt'],
    ['a token that is none', { prefixTokens: [-1] }, 'prefix'],
    ['half a token', { promptTokens: [0.5] }, 'prompt'],
    ['too hot', { temperatures: [3] }, 'temperature'],
    ['no temperature', { temperatures: [] }, 'temperature'],
    ['nothing to write', { maxTokens: 0 }, 'max_tokens'],
    ['half a seed', { seed: 0.5 }, 'seed'],
  ])('refuses %s by its name', async (_, { samples, ...options }, param) => {
    const given = (samples ?? new Float32Array(10)) as Float32Array;
    await expect(transcribeAll(engine, given, options)).rejects.toMatchObject({
      code: 'E_REQUEST_INVALID',
      param,
    });
  });

  it('refuses to load into too little memory, with its numbers', async () => {
    const loading = recognitionEngineFrom(folder, 'q8', { memoryBudgetBytes: 12_000_000 });
    await expect(loading).rejects.toBeInstanceOf(EngineError);
    await expect(loading).rejects.toMatchObject({
      code: 'E_MEMORY_BUDGET',
      details: { budgetBytes: 12_000_000 },
    });
  });

  it('refuses once it is closed', async () => {
    const { engine: other } = await recognitionEngineFrom(folder, 'q8');
    other.close();
    await expect(transcribeAll(other, new Float32Array(10))).rejects.toMatchObject({
      code: 'E_BACKEND_UNAVAILABLE',
    });
  });
});

describe('the decoder', () => {
  it.each(['q8', 'lossless'])(
    'gives a token the same logits in one pass and alone (%s)',
    async (preset) => {
      const { config, encoder, decoder } = await recognitionPartsFrom(folder, preset);
      const S = 100;
      encoder.stem.features(S).set(noise(2 * S * config.nMels, 9));
      for (const _ of encoder.run(S, (...rows) => decoder.hear(...rows)));
      decoder.listen(S);
      const tokens = Array.from({ length: 60 }, (_, i) => (i * 37) % endOfText);
      const whole: Float32Array[] = [];
      const all = tokens.map((_, i) => i);
      decoder.forward(tokens, all, (_, logits) => whole.push(logits.slice()));
      decoder.rewind(0);
      for (const [i, token] of tokens.entries())
        decoder.forward([token], [0], (_, logits) => expect(logits).toEqual(whole[i]));
    },
  );
});
