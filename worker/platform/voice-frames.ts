/** Speech between the script of a voice and the gateway. */
import type { Place } from './failure.ts';
import { readSound, soundStream } from './sound-frames.ts';
import type { SoundFrame } from './sound-frames.ts';

export interface VoiceStart {
  readonly sampleRate: number;
}
type VoiceEnd = Readonly<Record<string, never>>;
export type VoiceFrame = SoundFrame<VoiceStart, VoiceEnd>;

/** A window of the vocoder is a thirtieth of it. */
const MAX_FRAME_BYTES = 1024 * 1024;
/** A turn of the event loop, and time for the bytes to go through the gateway. */
const SEND_MS = 2;

type StartVoice = () => Promise<VoiceStart & { samples: AsyncGenerator<Float32Array, void, void> }>;

/**
 * What `speak` gives as a stream of frames; its errors become a frame. Samples are made when they are
 * asked for, and no more once nobody listens.
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
      // What was made last leaves the isolate before the next window takes its thread.
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

/** @throws {EngineError} what the stream tells; E_BACKEND_UNAVAILABLE when it breaks off. */
export function readVoice(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<VoiceFrame, void, void> {
  return readSound(stream, 'speech', MAX_FRAME_BYTES);
}
