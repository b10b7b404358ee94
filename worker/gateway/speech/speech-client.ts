/** Asks the ONNX script for speech, and reads it as samples. */
import { EngineError, throwIfAborted } from '../../../engine/base/errors.ts';
import { readSpeech } from '../../onnx/speech-frames.ts';
import type { SpeechFrame } from '../../onnx/speech-frames.ts';
import type { SpeechRequest } from '../../onnx/tasks/speech.ts';
import type { GatewayEnv } from '../env.ts';
import { onnxStub, reachOnnx } from '../onnx/onnx-client.ts';

export interface Speech {
  readonly sampleRate: number;
  /** As they are made; ending the iteration early ends the making. */
  readonly samples: AsyncGenerator<Float32Array, void, void>;
}

/** Waits for the first samples, so that what goes wrong until then has a status of its own. */
export async function openSpeech(
  env: Pick<GatewayEnv, 'ONNX'>,
  modelId: string,
  request: SpeechRequest,
  signal: AbortSignal,
): Promise<Speech> {
  const gone = 'request: the client went away.';
  throwIfAborted(signal, gone);
  const stream = await reachOnnx(() => onnxStub(env, modelId).speak(modelId, request));
  const frames = readSpeech(stream);
  const start = await nextFrame(frames);
  const first = await nextFrame(frames);
  if (start.type !== 'start' || first.type !== 'samples')
    throw new EngineError('E_INTERNAL', `onnx: speech began with ${start.type}, ${first.type}.`);
  const samples = async function* (): AsyncGenerator<Float32Array, void, void> {
    try {
      yield first.samples;
      for await (const frame of frames) {
        throwIfAborted(signal, gone);
        if (frame.type === 'samples') yield frame.samples;
      }
    } finally {
      await frames.return();
    }
  };
  return { sampleRate: start.sampleRate, samples: samples() };
}

async function nextFrame(frames: AsyncGenerator<SpeechFrame, void, void>): Promise<SpeechFrame> {
  const { value, done } = await frames.next();
  if (done !== true) return value;
  throw new EngineError('E_BACKEND_UNAVAILABLE', 'onnx: speech ended at once. Try again.');
}
