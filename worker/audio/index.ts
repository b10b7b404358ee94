/**
 * The audio script: decodes recordings into mono samples, encodes speech, and speaks with a small voice. Separate
 * from the gateway, so that uploads and decoders have memory of their own. Knows neither neural networks nor HTTP.
 */
import { WorkerEntrypoint } from 'cloudflare:workers';
import mp3 from '../../dist/fuel/mp3.wasm';
import opus from '../../dist/fuel/opus.wasm';
import opusEncoder from '../../dist/fuel/opus-encoder.wasm';
import pico from '../../dist/fuel/pico.wasm';
import { EngineError } from '../../engine/base/errors.ts';
import type { CallContext } from '../platform/failure.ts';
import { soundStream } from '../platform/sound-frames.ts';
import { readVoice, voiceStream } from '../platform/voice-frames.ts';
import { encodeSpeech } from './encode-speech.ts';
import { HeldSound } from './held-sound.ts';
import { PICO_SAMPLE_RATE } from './pico.ts';
import type { PicoVoice } from './pico.ts';
import { speakPieces } from './speak.ts';
import type { SpeakRequest } from './speak.ts';
import type { Codec } from './speech-encoder.ts';
import { dropVoice, voiceOf } from './voice-host.ts';

export interface AudioEnv {
  /** Small voices. */
  readonly MODELS: R2Bucket;
}

export default class Audio extends WorkerEntrypoint<AudioEnv> {
  /** Receives a recording without looking into it: the stub decodes it, and releases it when disposed. */
  async hold(body: ReadableStream<Uint8Array>): Promise<HeldSound> {
    const held = await HeldSound.receive(body, { mp3, opus });
    // Without this the call would end with its last stub, before its disposer has run.
    this.ctx.waitUntil(HeldSound.released(held));
    return held;
  }

  /** Speech as frames (voice-frames.ts), made as they are read; an error is a frame, too. */
  speak(call: CallContext, modelId: string, request: SpeakRequest): ReadableStream<Uint8Array> {
    return voiceStream(
      async () => {
        const voice = await voiceOf(this.env.MODELS, pico, modelId);
        return { sampleRate: PICO_SAMPLE_RATE, samples: guardedSamples(voice, request) };
      },
      () => {},
      { place: 'audio.speak', ...call },
    );
  }

  /** The frames of any voice (voice-frames.ts) in a codec, made as they are read; an error is a frame, too. */
  encode(
    call: CallContext,
    voice: ReadableStream<Uint8Array>,
    codec: Codec,
  ): ReadableStream<Uint8Array> {
    const frames = encodeSpeech(readVoice(voice), codec, { opusEncoder });
    return soundStream(frames, () => {}, { place: 'audio.encode', ...call });
  }

  override fetch(): Response {
    return new Response('This script serves no HTTP requests.\n', { status: 404 });
  }
}

/** Drops the voice after a failure: the program may be in any state. */
async function* guardedSamples(
  voice: PicoVoice,
  request: SpeakRequest,
): AsyncGenerator<Float32Array, void, void> {
  try {
    yield* speakPieces(voice, request);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'E_REQUEST_INVALID') dropVoice();
    throw error;
  }
}
