/**
 * What a transcription is asked for and what it answers with: samples in, token ids and times out.
 * Knows no text, no files, no HTTP: callers decode and resample audio, cut it into windows, and turn
 * ids into text. Times are seconds from the window's first sample.
 */

export { MAX_SAMPLES, SAMPLE_RATE, WINDOW_SECONDS } from '../audio/log-mel.ts';
/** One step of timestamp tokens, in seconds. */
export const TIMESTAMP_SECONDS = 0.02;
/** What one position of the encoder stands for, in seconds. */
export const SECONDS_PER_POSITION = 0.02;

/** 'translate' writes English whatever is spoken. */
export type RecognitionTask = 'transcribe' | 'translate';

/** All but the samples; every field has a value. */
export interface TranscribeOptions {
  /** A code the model knows (`en`, `de`); null lets it find out. Models of English alone take null and `en`. */
  language: string | null;
  task: RecognitionTask;
  /** Text before this window; its end is kept, as much as the context allows (223 tokens). */
  promptTokens: readonly number[];
  /** Text this window is known to begin with; it is part of the answer's segments. */
  prefixTokens: readonly number[];
  /**
   * Tried in this order until an answer is likely enough and does not repeat itself; 0 is greedy.
   * One to MAX_TEMPERATURES.
   */
  temperatures: readonly number[];
  /** Below this mean log-probability a token the next temperature is tried; null never. */
  logprobThreshold: number | null;
  /** Above this many tokens a phrase (`repetition` of a segment) the next temperature is tried; null never. */
  repetitionThreshold: number | null;
  /** Above this probability, and below logprobThreshold, a window is taken for silence; null never. */
  noSpeechThreshold: number | null;
  /** Segments with their times; without, the whole window is one segment. */
  withTimestamps: boolean;
  /** Times of every token, from the decoder's attention to the audio. */
  withWords: boolean;
  /** Ids that are never chosen; null for the model's own list (symbols that are not spoken). */
  suppressTokens: readonly number[] | null;
  /** No blank and no end as the first token. */
  suppressBlank: boolean;
  /** The first timestamp is at most this, in seconds; null for no bound. */
  maxInitialTimestamp: number | null;
  /** Of text and timestamps together, at most what the context has room for; null for that. */
  maxTokens: number | null;
  /** Same seed, same request: same tokens, also at temperatures above 0. */
  seed: number;
  /** 'speech' hears the speech and a second more (with a floor that keeps the error rate), 'full' all 30 s. */
  audioContext: 'speech' | 'full';
}

export interface TranscribeRequest extends TranscribeOptions {
  /** Mono at SAMPLE_RATE, 1 to MAX_SAMPLES of them, nominally within [-1, 1]. */
  samples: Float32Array;
}

export const MAX_TEMPERATURES = 8;

/** The reference implementation's own values (openai/whisper, transcribe.py). */
export const DEFAULT_TRANSCRIBE: Readonly<TranscribeOptions> = {
  language: null,
  task: 'transcribe',
  promptTokens: [],
  prefixTokens: [],
  temperatures: [0, 0.2, 0.4, 0.6, 0.8, 1],
  logprobThreshold: -1,
  repetitionThreshold: 2.4,
  noSpeechThreshold: 0.6,
  withTimestamps: true,
  withWords: false,
  suppressTokens: null,
  suppressBlank: true,
  maxInitialTimestamp: 1,
  maxTokens: null,
  seed: 0,
  audioContext: 'speech',
};

/** A piece of the window between two timestamps. */
export interface WindowSegment {
  start: number;
  end: number;
  /** Text only: no timestamps, no special tokens. */
  tokens: number[];
}

/** What was measured of the answer that was kept; the same for all of its segments. */
export interface WindowQuality {
  temperature: number;
  /** Mean natural logarithm of the probability of a token, the end included. */
  avgLogprob: number;
  /** Probability that nothing is said, at the start of the text. */
  noSpeechProb: number;
  /** Tokens a phrase: 1 for text that never repeats, large for loops. */
  repetition: number;
}

/** Where in the window a token of the answer's text is spoken. */
export interface TokenTiming {
  token: number;
  start: number;
  end: number;
  probability: number;
}

/** 'stop' at the model's own end, 'length' at maxTokens or the context's end, 'silence' for no speech. */
export type TranscribeReason = 'stop' | 'length' | 'silence';

/** Why an attempt was given up: its mean log-probability, or repetition (also while it went on). */
export type RetryReason = 'logprob' | 'repetition';

export interface TranscribeUsage {
  /** Of the request's samples. */
  audioSeconds: number;
  /** What the encoder was run over. */
  encodedSeconds: number;
  promptTokens: number;
  /** Of the kept attempt, text and timestamps. */
  completionTokens: number;
  /** Of all attempts. */
  decodedTokens: number;
  attempts: number;
  loadMs: number;
  queueMs: number;
  melMs: number;
  encodeMs: number;
  decodeMs: number;
  alignMs: number;
}

/**
 * The events of one transcription, in order: start, language, token* (with retry between attempts),
 * segment*, words (if asked for), done.
 */
export type TranscribeEvent =
  /** The audio is encoded. A reader that stops before `done` knows usage from here. */
  | { type: 'start'; usage: TranscribeUsage }
  /** What is spoken: as requested (probability 1), or found out. */
  | { type: 'language'; language: string; probability: number }
  /** Of the running attempt; `time` is set for timestamps (then no text), in seconds. */
  | { type: 'token'; token: number; time: number | null }
  /** All tokens so far are void: another attempt begins, at `temperature`. */
  | { type: 'retry'; temperature: number; reason: RetryReason }
  | ({ type: 'segment' } & WindowSegment & WindowQuality)
  /** Every text token of all segments, in order; group them with engine/transcribe/window/words.ts. */
  | { type: 'words'; tokens: TokenTiming[] }
  | {
      type: 'done';
      reason: TranscribeReason;
      /**
       * Up to where the window is dealt with: the last timestamp where the model stopped between two
       * segments, else the window's length. The next window of longer audio begins here.
       */
      consumedSeconds: number;
      quality: WindowQuality;
      usage: TranscribeUsage;
    };
