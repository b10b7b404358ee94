/** Calls the script of a voice for speech, and reads it as samples. */
import { EngineError, throwIfAborted } from '../../../engine/base/errors.ts';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import type { Manifest } from '../../../engine/manifest/manifest.ts';
import { readVoice } from '../../platform/voice-frames.ts';
import type { VoiceFrame } from '../../platform/voice-frames.ts';
import type { VoiceRequest } from '../../onnx/tasks/voice.ts';
import type { ServingEnv } from '../env.ts';
import type { CallContext } from '../../platform/failure.ts';
import { reach } from '../../platform/rpc.ts';
import { onnxStub } from './onnx-client.ts';

export interface Speech {
  readonly sampleRate: number;
  /** Samples as they are made; ending the iteration early ends the synthesis. */
  readonly samples: AsyncGenerator<Float32Array, void, void>;
}

/**
 * Waits for the first samples, so that an error until then has a status of its own.
 * @throws {EngineError} E_MODEL_KIND for a model that is not a voice; errors of its script.
 */
export async function openVoice(
  env: Pick<ServingEnv, 'ONNX' | 'AUDIO'>,
  call: CallContext,
  manifest: Manifest,
  request: VoiceRequest,
  signal: AbortSignal,
): Promise<Speech> {
  const gone = 'request: the client has left.';
  throwIfAborted(signal, gone);
  const stream = await askToSpeak(env, call, manifest, request);
  const frames = readVoice(stream);
  const start = await nextFrame(frames);
  const first = await nextFrame(frames);
  if (start.type !== 'start' || first.type !== 'samples')
    throw new EngineError(
      'E_INTERNAL',
      `speech: expected frames "start" and "samples", got ${start.type}, ${first.type}.`,
    );
  const samples = async function* (): AsyncGenerator<Float32Array, void, void> {
    try {
      yield first.value;
      for await (const frame of frames) {
        throwIfAborted(signal, gone);
        if (frame.type === 'samples') yield frame.value;
      }
    } finally {
      await frames.return();
    }
  };
  return { sampleRate: start.value.sampleRate, samples: samples() };
}

async function nextFrame(frames: AsyncGenerator<VoiceFrame, void, void>): Promise<VoiceFrame> {
  const { value, done } = await frames.next();
  if (done !== true && value.type !== 'end') return value;
  throw new EngineError(
    'E_BACKEND_UNAVAILABLE',
    'speech: the stream ended without a frame. Try again.',
  );
}

async function askToSpeak(
  env: Pick<ServingEnv, 'ONNX' | 'AUDIO'>,
  { requestId }: CallContext,
  manifest: Manifest,
  request: VoiceRequest,
): Promise<ReadableStream<Uint8Array>> {
  if (manifest.kind === 'voice')
    return await reach('audio', () => env.AUDIO.speak({ requestId }, manifest.id, request));
  const { id } = requireKind(manifest, 'onnx');
  return await reach('onnx', () => onnxStub(env, id).speak({ requestId }, id, request));
}
