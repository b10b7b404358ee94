/** Speech on its way from the script of a voice to the gateway. */
import type { Place } from './failure.ts';
import { readSound, soundStream } from './sound-frames.ts';
import type { EncodedFrame, SoundFrame } from './sound-frames.ts';

export interface VoiceStart {
  readonly sampleRate: number;
}
type VoiceEnd = Readonly<Record<string, never>>;
export type VoiceFrame = SoundFrame<VoiceStart, VoiceEnd>;

export interface EncodedVoiceEnd {
  /** Length of the speech. */
  readonly seconds: number;
}
/** Speech in the bytes of a file, on its way from the script that encodes it. */
export type EncodedVoiceFrame = EncodedFrame<VoiceStart, EncodedVoiceEnd>;

/** Thirty times a window of the vocoder. */
const MAX_FRAME_BYTES = 1024 * 1024;
/** One turn of the event loop, and time for the bytes to pass through the gateway. */
const SEND_MS = 2;

type StartVoice = () => Promise<VoiceStart & { samples: AsyncGenerator<Float32Array, void, void> }>;

/**
 * The samples of `speak` as a stream of frames; an error becomes a frame. Samples are made when they are
 * read, and no longer once the reader has cancelled.
 */
export function voiceStream(
  start: StartVoice,
  release: () => void,
  place: Place,
): ReadableStream<Uint8Array> {
  return soundStream(voiceFrames(start), release, place);
}

async function* voiceFrames(start: StartVoice): AsyncGenerator<VoiceFrame, void, void> {
  const { sampleRate, samples } = await start();
  try {
    yield { type: 'start', value: { sampleRate } };
    for (;;) {
      // Lets the last samples leave the isolate before the next window blocks its thread.
      await scheduler.wait(SEND_MS);
      const { value, done } = await samples.next();
      if (done === true) break;
      yield { type: 'samples', value };
    }
  } finally {
    await samples.return();
  }
  yield { type: 'end', value: {} };
}

/** @throws {EngineError} the error that the stream reports; E_BACKEND_UNAVAILABLE when it breaks off. */
export function readVoice(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<VoiceFrame, void, void> {
  return readSound(stream, 'speech', MAX_FRAME_BYTES);
}

/** As readVoice, of speech that is encoded. */
export function readEncodedVoice(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<EncodedVoiceFrame, void, void> {
  return readSound(stream, 'speech', MAX_FRAME_BYTES);
}
