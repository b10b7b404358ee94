/**
 * The audio script: recordings of any kind become mono samples, and a small voice speaks. Apart from the
 * gateway, so that uploads and decoders have memory of their own. Knows no neural networks and no HTTP.
 */
import { WorkerEntrypoint } from 'cloudflare:workers';
import mp3 from 'minimp3-wasm/dist/decoder.opt.wasm';
import pico from '@echogarden/svoxpico-wasm/svoxpico.wasm';
import { joinBytes } from '../../engine/base/joined.ts';
import opus from '../../dist/opus/opus.wasm';
import { EngineError } from '../../engine/base/errors.ts';
import { audioTooLarge, decodeAudio, MAX_AUDIO_BYTES } from './decode-stream.ts';
import type { DecodeOptions } from './decode-stream.ts';
import type { AudioFrame } from './frames.ts';
import { soundStream } from '../platform/sound-frames.ts';
import { voiceStream } from '../platform/voice-frames.ts';
import { PICO_SAMPLE_RATE } from './pico.ts';
import type { PicoVoice } from './pico.ts';
import { speakPieces } from './speak.ts';
import type { SpeakRequest } from './speak.ts';
import { dropVoice, voiceOf } from './voice-host.ts';

/** Of all files in this isolate; MP3 stands in memory twice. */
const MAX_HELD_BYTES = 50 * 1024 * 1024;
const BUSY_RETRY_AFTER_S = 5;

let heldBytes = 0;

export interface AudioEnv {
  /** Small voices. */
  readonly MODELS: R2Bucket;
}

export default class Audio extends WorkerEntrypoint<AudioEnv> {
  /** Frames (frames.ts) of the recording that `body` holds; nothing fails but by an `error` frame. */
  async decode(body: ReadableStream<Uint8Array>, options: DecodeOptions): Promise<ReadableStream> {
    let taken = 0;
    const release = (): void => {
      heldBytes -= taken;
      taken = 0;
    };
    const bytes = readBody(body, (n) => {
      taken += n;
      heldBytes += n;
    });
    // What comes in as a stream is read while the call lasts; a refusal is told by the frames.
    await bytes.catch(() => undefined);
    return soundStream(audioFrames(bytes, options), release);
  }

  /** Speech as frames (voice-frames.ts), made as they are read; an error is a frame, too. */
  speak(modelId: string, request: SpeakRequest): ReadableStream<Uint8Array> {
    return voiceStream(
      async () => {
        const voice = await voiceOf(this.env.MODELS, pico, modelId);
        return { sampleRate: PICO_SAMPLE_RATE, samples: guardedSamples(voice, request) };
      },
      () => {},
    );
  }

  override fetch(): Response {
    return new Response('This script has no address of its own.\n', { status: 404 });
  }
}

/** A program that stumbled may be in any state. */
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

/** @throws {EngineError} E_BODY_TOO_LARGE, E_BUSY. */
async function readBody(
  body: ReadableStream<Uint8Array>,
  take: (bytes: number) => void,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_AUDIO_BYTES) throw audioTooLarge();
    take(chunk.length);
    if (heldBytes > MAX_HELD_BYTES) throw busy();
    chunks.push(chunk);
  }
  return joinBytes(chunks);
}

function busy(): EngineError {
  return new EngineError(
    'E_BUSY',
    `audio: ${MAX_HELD_BYTES} bytes of recordings are being read already. Try again in a moment.`,
    { details: { retryAfterS: BUSY_RETRY_AFTER_S } },
  );
}

async function* audioFrames(
  bytes: Promise<Uint8Array>,
  options: DecodeOptions,
): AsyncGenerator<AudioFrame, void, void> {
  yield* decodeAudio(await bytes, { mp3, opus }, options);
}
