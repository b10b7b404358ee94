/** Speech by a small voice: pieces of text one after the other, with pauses between them. */
import { pauseAfter, requirePieces } from '../../engine/voice/sentences.ts';
import { PICO_SAMPLE_RATE } from './pico.ts';
import type { PicoVoice } from './pico.ts';

export interface SpeakRequest {
  readonly text: string;
  /** 2 is twice as fast; default 1. */
  readonly speed?: number;
}

/** Samples of a chunk. */
const CHUNK_SAMPLES = PICO_SAMPLE_RATE;
/** Amplitude below which a sample counts as silent. */
const SILENCE = 0.004;
/** Samples kept of Pico's own silence around a piece. */
const MARGIN_SAMPLES = PICO_SAMPLE_RATE * 0.03;

/**
 * Mono samples at PICO_SAMPLE_RATE; each piece is made when it is asked for.
 * @throws {EngineError} E_REQUEST_INVALID when nothing can be said.
 */
export function* speakPieces(
  voice: PicoVoice,
  { text, speed = 1 }: SpeakRequest,
): Generator<Float32Array, void, void> {
  const pieces = requirePieces(text);
  for (const [i, piece] of pieces.entries()) {
    yield* chunksOf(trimmed(voice.speak(piece.text, speed)));
    const pauseS = i === pieces.length - 1 ? 0 : pauseAfter(piece) / speed;
    if (pauseS > 0) yield new Float32Array(Math.round(pauseS * PICO_SAMPLE_RATE));
  }
}

/** Copies, since what is transferred must not share memory with the rest. */
function* chunksOf(samples: Float32Array): Generator<Float32Array, void, void> {
  for (let at = 0; at < samples.length; at += CHUNK_SAMPLES)
    yield samples.slice(at, at + CHUNK_SAMPLES);
}

/** Cuts the silence that Pico puts around everything it says, half a second at the end. */
function trimmed(samples: Float32Array): Float32Array {
  const isLoud = (sample: number) => Math.abs(sample) > SILENCE;
  const first = samples.findIndex(isLoud);
  // A silent piece keeps some samples, so that an answer is never empty.
  if (first < 0) return samples.subarray(0, MARGIN_SAMPLES);
  const last = samples.findLastIndex(isLoud);
  return samples.subarray(Math.max(0, first - MARGIN_SAMPLES), last + MARGIN_SAMPLES);
}
