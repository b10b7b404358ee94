/**
 * Transcribes speech as it is spoken: samples come in pieces, text goes out, first as a guess that may
 * change (`partial`), then as final once the speaker pauses (`final`). Knows no sockets.
 */
import { EngineError } from '../../base/errors.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { MAX_SAMPLES, SAMPLE_RATE } from '../types.ts';
import type { TranscribeOptions } from '../types.ts';
import type { VadResult } from '../../audio/voice-activity.ts';
import { SampleBuffer } from '../recording/sample-buffer.ts';
import type { TranscribeWindow } from '../recording/transcribe-recording.ts';
import type { DetectSpeech } from '../recording/windows.ts';

export type LiveEvent =
  | { readonly type: 'partial'; readonly start: number; readonly text: string }
  | {
      readonly type: 'final';
      readonly start: number;
      readonly end: number;
      readonly text: string;
      readonly language: string;
      /** Time from the arrival of the last sample of the speech to this event. */
      readonly latency_ms: number;
    }
  | { readonly type: 'done'; readonly seconds: number };

export interface LiveOptions {
  readonly detect: DetectSpeech;
  readonly transcribe: TranscribeWindow;
  readonly tokenizer: Tokenizer;
  readonly options: TranscribeOptions;
  readonly emit: (event: LiveEvent) => void;
}

/** Most audio that may wait: a sender that is further ahead is not a microphone. */
export const MAX_BACKLOG_SECONDS = 60;
/** Fewest samples given to the detector at a time. */
const STEP_SAMPLES = SAMPLE_RATE / 4;
/** Fresh speech after which a guess is worth its time. */
const PARTIAL_SAMPLES = SAMPLE_RATE;
/** Enough text to give context, and little enough to be read again each time. */
const MAX_PROMPT_TOKENS = 64;
/** Longer speech without a pause is cut in the middle. */
const LONGEST_SAMPLES = MAX_SAMPLES - 2 * SAMPLE_RATE;

interface Arrival {
  readonly end: number;
  readonly atMs: number;
}

export class LiveTranscriber {
  readonly #live: LiveOptions;
  readonly #buffer = new SampleBuffer();
  #arrivals: Arrival[] = [];
  /** Samples the detector has judged. */
  #judged = 0;
  #state: VadResult['state'] | null = null;
  #openSince: number | null = null;
  /** End of the last guess for the present stretch of speech. */
  #guessedTo = 0;
  /** End of the last closed stretch: nothing before it is transcribed again. */
  #closedTo = 0;
  #isEnded = false;
  #isCommitted = false;
  #language: string | null;
  /** Tokens of final text: earlier text improves recognition. */
  #said: readonly number[];
  #wake: (() => void) | null = null;

  constructor(live: LiveOptions) {
    this.#live = live;
    this.#language = live.options.language;
    this.#said = live.options.promptTokens;
  }

  /** @throws {EngineError} E_REQUEST_INVALID when more waits than MAX_BACKLOG_SECONDS. */
  push(samples: Float32Array): void {
    if (this.#buffer.end + samples.length - this.#judged > MAX_BACKLOG_SECONDS * SAMPLE_RATE)
      throw new EngineError(
        'E_REQUEST_INVALID',
        `audio: more than ${MAX_BACKLOG_SECONDS} seconds wait to be heard. Send as fast as it is spoken, or ` +
          'send the whole recording to /v1/audio/transcriptions.',
        { param: 'audio' },
      );
    this.#buffer.push(samples);
    this.#arrivals.push({ end: this.#buffer.end, atMs: Date.now() });
    this.#wakeUp();
  }

  /** Makes what is being said final now, with or without a pause. */
  commit(): void {
    this.#isCommitted = true;
    this.#wakeUp();
  }

  /** Ends the stream: nothing more comes. */
  end(): void {
    this.#isEnded = true;
    this.#wakeUp();
  }

  /** Runs until the end; call it once. @throws {EngineError} the errors of detector and recogniser. */
  async run(): Promise<void> {
    for (;;) {
      const fresh = this.#buffer.end - this.#judged;
      if (fresh < STEP_SAMPLES && !this.#isEnded && !this.#isCommitted) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      const isLast = this.#isEnded;
      await this.#judge(isLast);
      await this.#guess();
      if (isLast) break;
    }
    this.#live.emit({ type: 'done', seconds: this.#buffer.end / SAMPLE_RATE });
  }

  /** Gives new samples to the detector, and closes stretches that have ended. */
  async #judge(isLast: boolean): Promise<void> {
    const { detect } = this.#live;
    const to = this.#buffer.end;
    const samples = this.#buffer.slice(this.#judged, to);
    const found = await detect({ samples, state: this.#state, isLast });
    this.#state = found.state;
    this.#judged = to;
    for (const { startS, endS } of found.segments) await this.#close(at(startS), at(endS));
    this.#openSince = found.openSinceS === null ? null : at(found.openSinceS);
    const open = this.#openFrom();
    const isTooLong = open !== null && to - open > LONGEST_SAMPLES;
    if (open !== null && (isTooLong || this.#isCommitted)) await this.#close(open, to);
    this.#isCommitted = false;
    this.#forget();
  }

  /** Start of the open speech that has no final text yet, or null. */
  #openFrom(): number | null {
    return this.#openSince === null ? null : Math.max(this.#openSince, this.#closedTo);
  }

  async #close(start: number, end: number): Promise<void> {
    const from = Math.max(start, this.#closedTo);
    if (end - from < SAMPLE_RATE / 10) return;
    const { text, tokens } = await this.#hear(from, end, this.#live.options.temperatures);
    this.#said = [...this.#said, ...tokens].slice(-MAX_PROMPT_TOKENS);
    this.#closedTo = end;
    this.#guessedTo = end;
    if (text === '') return;
    const arrived = this.#arrivals.find((arrival) => arrival.end >= end)?.atMs ?? Date.now();
    this.#live.emit({
      type: 'final',
      start: from / SAMPLE_RATE,
      end: end / SAMPLE_RATE,
      text,
      language: this.#language ?? 'en',
      latency_ms: Date.now() - arrived,
    });
  }

  /** Emits a guess of the open speech, when there is enough new of it. */
  async #guess(): Promise<void> {
    const open = this.#openFrom();
    if (open === null) return;
    const to = this.#judged;
    if (to - Math.max(open, this.#guessedTo) < PARTIAL_SAMPLES) return;
    this.#guessedTo = to;
    const { text } = await this.#hear(open, to, [0]);
    if (text !== '') this.#live.emit({ type: 'partial', start: open / SAMPLE_RATE, text });
  }

  async #hear(
    from: number,
    to: number,
    temperatures: readonly number[],
  ): Promise<{ text: string; tokens: number[] }> {
    const { options, transcribe, tokenizer } = this.#live;
    const samples = this.#buffer.slice(from, to);
    const language = this.#language;
    const tokens: number[] = [];
    const request = { ...options, samples, language, temperatures, promptTokens: this.#said };
    for await (const event of transcribe(request)) {
      if (event.type === 'language') this.#language ??= event.language;
      if (event.type === 'segment') tokens.push(...event.tokens);
    }
    return { text: tokenizer.decode(tokens).trim(), tokens };
  }

  /** The detector's padding reaches a little back; nothing further is needed in silence. */
  #forget(): void {
    const needed = this.#openFrom() ?? this.#judged - SAMPLE_RATE;
    this.#buffer.dropBefore(Math.max(this.#buffer.start, needed - SAMPLE_RATE));
    this.#arrivals = this.#arrivals.filter(({ end }) => end > needed);
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

function at(seconds: number): number {
  return Math.round(seconds * SAMPLE_RATE);
}
