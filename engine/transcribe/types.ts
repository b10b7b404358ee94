/**
 * Request and events of a transcription: samples in, token ids and times out.
 * Knows no text, no files, no HTTP: callers decode and resample audio, cut it into windows, and turn
 * ids into text. Times are seconds from the window's first sample.
 */

export { MAX_SAMPLES, SAMPLE_RATE, WINDOW_SECONDS } from '../audio/log-mel.ts';
/** One step of timestamp tokens, in seconds. */
export const TIMESTAMP_SECONDS = 0.02;
/** Seconds of audio of one position of the encoder. */
export const SECONDS_PER_POSITION = 0.02;

/** 'translate' writes English, whatever language is spoken. */
export type RecognitionTask = 'transcribe' | 'translate';

/** All but the samples; every field has a value. */
export interface TranscribeOptions {
  /** A code the model knows (`en`, `de`); null detects it. English-only models take null and `en`. */
  language: string | null;
  /** Codes among which the language is detected; null for all that the model knows. */
  languages: readonly string[] | null;
  task: RecognitionTask;
  /** Text before this window; as much of its end as the context allows is used (223 tokens). */
  promptTokens: readonly number[];
  /** Text this window is known to begin with; it is part of the answer's segments. */
  prefixTokens: readonly number[];
  /**
   * Tried in this order until an answer is likely enough and does not repeat itself; 0 is greedy.
   * One to MAX_TEMPERATURES.
   */
  temperatures: readonly number[];
  /** Below this mean log-probability per token the next temperature is tried; null never. */
  logprobThreshold: number | null;
  /** Above this many tokens per phrase (`repetition` of a segment) the next temperature is tried; null never. */
  repetitionThreshold: number | null;
  /** Above this probability, and below logprobThreshold, a window is taken for silence; null never. */
  noSpeechThreshold: number | null;
  /** Whether to give segments with times; without, the whole window is one segment. */
  withTimestamps: boolean;
  /** Whether to give times of every token, from the decoder's attention to the audio. */
  withWords: boolean;
  /** Ids that are never chosen; null for the model's own list (symbols that are not spoken). */
  suppressTokens: readonly number[] | null;
  /** Whether the first token may be neither a blank nor the end. */
  suppressBlank: boolean;
  /** The first timestamp is at most this, in seconds; null for no bound. */
  maxInitialTimestamp: number | null;
  /** Most tokens of text and timestamps together; null for as many as the context has room for. */
  maxTokens: number | null;
  /** Same seed, same request: same tokens, also at temperatures above 0. */
  seed: number;
  /** 'speech' encodes the speech and a second more (at least as much as keeps the error rate), 'full' all 30 s. */
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
  languages: null,
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

/** Measures of the answer that was kept; the same for all of its segments. */
export interface WindowQuality {
  temperature: number;
  /** Mean natural logarithm of the probability of a token, the end included. */
  avgLogprob: number;
  /** Probability that nothing is said, at the start of the text. */
  noSpeechProb: number;
  /** Tokens per phrase: 1 for text that never repeats, large for loops. */
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

/** Why an attempt was given up: its mean log-probability, or repetition (even before its end). */
export type RetryReason = 'logprob' | 'repetition';

export interface TranscribeUsage {
  /** Seconds of the request's samples. */
  audioSeconds: number;
  /** Seconds that the encoder was run over. */
  encodedSeconds: number;
  promptTokens: number;
  /** Tokens of the kept attempt, text and timestamps. */
  completionTokens: number;
  /** Tokens of all attempts. */
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
  /** The language: as requested (probability 1), or detected. */
  | { type: 'language'; language: string; probability: number }
  /** A token of the running attempt; `time` is set for timestamps (then it is not text), in seconds. */
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
       * End of the transcribed part of the window: the last timestamp where the model stopped between two
       * segments, else the window's length. The next window of longer audio begins here.
       */
      consumedSeconds: number;
      quality: WindowQuality;
      usage: TranscribeUsage;
    };
