/** Speech of a voice, from samples to the bytes of a file, piece by piece as it is made. */
import type { EncodedVoiceFrame, VoiceFrame } from '../platform/voice-frames.ts';
import { openEncoder } from './speech-encoder.ts';
import type { Codec, EncoderModules } from './speech-encoder.ts';

/** @throws {EngineError} what the voice reports */
export async function* encodeSpeech(
  frames: AsyncGenerator<VoiceFrame, void, void>,
  codec: Codec,
  modules: EncoderModules,
): AsyncGenerator<EncodedVoiceFrame, void, void> {
  try {
    const { value: start } = await frames.next();
    if (start?.type !== 'start') return;
    const { sampleRate } = start.value;
    yield start;
    const encoder = await openEncoder(codec, sampleRate, modules);
    let nSample = 0;
    for await (const frame of frames) {
      if (frame.type === 'samples') nSample += frame.value.length;
      const pieces = frame.type === 'samples' ? encoder.push(frame.value) : encoder.flush();
      for (const value of pieces) yield { type: 'bytes', value };
    }
    yield { type: 'end', value: { seconds: nSample / sampleRate } };
  } finally {
    await frames.return();
  }
}
