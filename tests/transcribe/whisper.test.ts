/**
 * The real tiny.en and base against CTranslate2 in float32 on the same files
 * (tests/golden/make-whisper.py), on 11 s of speech.
 * @module-tag slow
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { LogMel } from '../../engine/audio/log-mel.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import { alignTokens } from '../../engine/transcribe/window/align.ts';
import type { RecognitionEngine } from '../../engine/transcribe/recognition-engine.ts';
import { groupWords } from '../../engine/transcribe/window/words.ts';
import {
  eventsOf,
  recognitionEngineFrom,
  recognitionPartsFrom,
  textOf,
  transcribeAll,
  whisperFolder,
} from '../support/recognition-models.ts';
import type { WhisperId } from '../support/recognition-models.ts';
import { findRecording } from '../support/needs.ts';
import { noise, RATE, readWav } from '../support/recordings.ts';

interface Golden {
  readonly rows: Readonly<Record<string, readonly number[]>>;
  readonly norms: Readonly<Record<string, number>>;
  readonly tokens: readonly number[];
  readonly logits: readonly (readonly (readonly [token: number, logit: number])[])[];
  readonly noSpeech: number;
  readonly text: readonly number[];
  readonly alignment: readonly (readonly [token: number, position: number])[];
  readonly probabilities: readonly number[];
  readonly language?: readonly [string, number];
}
const golden = JSON.parse(
  await readFile(join(import.meta.dirname, '../golden/whisper.json'), 'utf8'),
) as { readonly models: Readonly<Record<WhisperId, Golden>> };

const SENTENCE =
  'And so my fellow Americans ask not what your country can do for you ask what you can do for your country';
const PLAIN = { special: false } as const;
const path = findRecording();
const bare = (text: string): string => text.replace(/[.,]/g, '');

describe.skipIf(path === null)('whisper-tiny.en without loss, all 30 s', async () => {
  const samples = path === null ? new Float32Array() : await readWav(path);
  const want = golden.models['whisper-tiny.en'];
  let parts: Awaited<ReturnType<typeof recognitionPartsFrom>>;
  let rows: Float32Array;

  beforeAll(async () => {
    parts = await recognitionPartsFrom(whisperFolder('whisper-tiny.en'), 'lossless');
    const { config, encoder, decoder, memory } = parts;
    const S = config.nAudioCtx;
    new LogMel(config.nMels).fill(samples, 2 * S, encoder.stem.features(S));
    rows = new Float32Array(S * config.nEmbd);
    for (const _ of encoder.run(S, (x, from, n, scratch) => {
      const values = new Float32Array(memory.buffer, x.address, n * x.stride);
      rows.set(values, from * config.nEmbd);
      decoder.hear(x, from, n, scratch);
    }));
    decoder.listen(S);
  });

  it("has the encoder's rows", () => {
    const { nEmbd } = parts.config;
    for (const [position, values] of Object.entries(want.rows)) {
      const row = rows.subarray(Number(position) * nEmbd, (Number(position) + 1) * nEmbd);
      values.forEach((value, i) => {
        // Keys and values of attention are halves here; rows have a norm of about 30.
        expect(Math.abs(row[i]! - value), `row ${position}, value ${i}`).toBeLessThan(0.03);
      });
      expect(Math.hypot(...row)).toBeCloseTo(want.norms[position]!, 1);
    }
  });

  it('has the logits of every step', () => {
    const { config, decoder } = parts;
    const { startOfTranscript, timestampBegin } = config.tokens;
    decoder.rewind(0);
    const steps = want.tokens.length;
    const tokens = [startOfTranscript, ...want.tokens.slice(0, steps - 1)];
    let seen = 0;
    decoder.forward(
      tokens,
      tokens.map((_, i) => i),
      (row, logits) => {
        seen++;
        for (const [token, logit] of want.logits[row]!) {
          if (!Number.isFinite(logit)) continue;
          expect(Math.abs(logits[token]! - logit), `step ${row}, token ${token}`).toBeLessThan(
            0.05,
          );
        }
        const text = logits.subarray(0, timestampBegin);
        const chosen = want.tokens[row]!;
        if (chosen < timestampBegin) expect(text.indexOf(Math.max(...text))).toBe(chosen);
      },
    );
    expect(seen).toBe(steps);
  });

  it('has the times of all tokens', () => {
    const { config, decoder } = parts;
    const nAudio = Math.ceil(samples.length / 320);
    const timings = alignTokens(config, decoder, {
      start: [config.tokens.startOfTranscript],
      text: want.text,
      nAudio,
    });
    const entered = new Map<number, number>();
    for (const [token, position] of want.alignment)
      if (!entered.has(token)) entered.set(token, position);
    expect(timings.length).toBe(want.text.length);
    timings.forEach(({ start, probability }, i) => {
      expect(Math.abs(start - entered.get(i)! * 0.02), `token ${i}`).toBeLessThan(0.041);
      expect(probability).toBeCloseTo(want.probabilities[i]!, 2);
    });
  });
});

describe.skipIf(path === null).each(['whisper-tiny.en', 'whisper-base'] as const)(
  '%s with preset edge in the memory of an isolate',
  async (id) => {
    const samples = path === null ? new Float32Array() : await readWav(path);
    const want = golden.models[id];
    let engine: RecognitionEngine;
    let tokenizer: Tokenizer;
    beforeAll(async () => {
      const folder = whisperFolder(id);
      ({ engine, tokenizer } = await recognitionEngineFrom(folder, 'edge', {
        memoryBudgetBytes: 128_000_000,
      }));
    });

    it('writes down the sentence, and when each word is spoken', async () => {
      const events = await transcribeAll(engine, samples, { withWords: true });
      const text = textOf(events, tokenizer);
      expect(bare(text)).toBe(SENTENCE);
      const [done] = eventsOf(events, 'done');
      expect(done).toMatchObject({ reason: 'stop', consumedSeconds: 11 });
      expect(Math.abs(done!.quality.noSpeechProb - want.noSpeech)).toBeLessThan(0.05);
      expect(done!.usage).toMatchObject({ audioSeconds: 11, attempts: 1 });
      expect(done!.usage.encodedSeconds).toBeLessThanOrEqual(15);

      const [words] = eventsOf(events, 'words');
      const spoken = groupWords(words!.tokens, (ids) => tokenizer.decode(ids), 'en');
      expect(bare(spoken.map((word) => word.text).join('')).trim()).toBe(SENTENCE);
      const americans = spoken.find((word) => word.text.startsWith(' Americans'))!;
      // 1.76 to 2.26 s and 1.56 to 2.10 s by faster-whisper in float32.
      expect(Math.abs(americans.start - 1.66)).toBeLessThan(0.2);
      expect(Math.abs(americans.end - 2.18)).toBeLessThan(0.2);
      for (const [i, word] of spoken.entries()) {
        expect(word.start).toBeLessThanOrEqual(word.end);
        if (i > 0) expect(word.start).toBeGreaterThanOrEqual(spoken[i - 1]!.start);
      }
    });

    it('finds out the language', async () => {
      const [found] = eventsOf(await transcribeAll(engine, samples), 'language');
      const [, probability] = want.language ?? ['', 1];
      expect(found!.language).toBe('en');
      expect(Math.abs(found!.probability - probability)).toBeLessThan(0.05);
    });

    it('goes on from a prompt and a known beginning', async () => {
      const prefixTokens = tokenizer.encode(' And so, my fellow Americans,', PLAIN);
      const promptTokens = tokenizer.encode(' A speech of 1961, with commas.', PLAIN);
      const events = await transcribeAll(engine, samples, { prefixTokens, promptTokens });
      const text = textOf(events, tokenizer);
      expect(text.startsWith('And so, my fellow Americans,')).toBe(true);
      expect(bare(text)).toContain('what you can do for your country');
    });

    it('says nothing of noise', async () => {
      const quiet = noise(4 * RATE).map((x) => x * 0.05);
      const events = await transcribeAll(engine, quiet, { language: 'en' });
      const [done] = eventsOf(events, 'done');
      expect(done!.quality.noSpeechProb).toBeGreaterThan(0.3);
      expect(done!.usage.decodedTokens).toBeLessThan(200);
    });
  },
);
