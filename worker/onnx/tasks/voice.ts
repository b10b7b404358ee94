/** Text to speech: pieces of text one after the other, with pauses between them. */
import type { Voice } from '../../../engine/manifest/onnx.ts';
import { phonemeIds } from '../../../engine/voice/phoneme-ids.ts';
import { toPhonemes } from '../../../engine/voice/phonemes.ts';
import type { Pronouncer } from '../../../engine/voice/phonemes.ts';
import { pauseAfter, requirePieces } from '../../../engine/voice/sentences.ts';
import type { OnnxModel } from '../load-model.ts';
import { MAX_SPEAK_IDS, speakIds } from './speak.ts';
import type { SpeakOptions } from './speak.ts';

export interface VoiceRequest {
  readonly text: string;
  /** 2 is twice as fast; default 1. */
  readonly speed?: number;
  /** The same seed gives the same samples. */
  readonly seed?: number;
  readonly noiseScale?: number;
  readonly noiseW?: number;
}

/** Mono samples at the voice's rate. @throws {EngineError} E_REQUEST_INVALID when nothing can be said. */
export async function* speakText(
  model: OnnxModel,
  voice: Voice,
  pronouncer: Pronouncer,
  request: VoiceRequest,
): AsyncGenerator<Float32Array, void, void> {
  const pieces = requirePieces(request.text);
  const { speed = 1, seed = 0, noiseScale, noiseW } = request;
  const options: SpeakOptions = {
    lengthScale: voice.lengthScale / speed,
    ...(noiseScale === undefined ? {} : { noiseScale }),
    ...(noiseW === undefined ? {} : { noiseW }),
  };
  for (const [i, piece] of pieces.entries()) {
    const runs = idRuns(toPhonemes(piece.text, pronouncer), voice);
    for (const [j, ids] of runs.entries())
      yield* speakIds(model, voice, ids, { ...options, seed: mixSeed(seed, i, j) });
    const pauseS = i === pieces.length - 1 ? 0 : pauseAfter(piece) / speed;
    if (pauseS > 0) yield new Float32Array(Math.round(pauseS * voice.sampleRate));
  }
}

/** A piece's noise depends on its position, and on nothing before it. */
function mixSeed(seed: number, piece: number, run: number): number {
  return (Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) + piece * 1000 + run) >>> 0;
}

/** Runs of at most as many ids as the encoder takes; longer ones (endless letters) are cut between words. */
function idRuns(phonemes: string, voice: Voice): number[][] {
  const whole = phonemeIds(phonemes, voice.phonemeIds);
  if (whole.length <= MAX_SPEAK_IDS) return [whole];
  const middle = phonemes.length >> 1;
  const space = phonemes.indexOf(' ', middle);
  const at = space < 0 ? middle : space;
  return [phonemes.slice(0, at), phonemes.slice(at)].flatMap((half) => idRuns(half, voice));
}
