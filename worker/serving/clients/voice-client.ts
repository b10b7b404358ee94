/** Calls the script of a voice for speech, and reads it as samples. */
import { EngineError, throwIfAborted } from '../../../engine/base/errors.ts';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import type { Manifest } from '../../../engine/manifest/manifest.ts';
import { readEncodedVoice, readVoice } from '../../platform/voice-frames.ts';
import type { Codec } from '../../audio/speech-encoder.ts';
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

/** Speech in the bytes of a file. */
export interface EncodedSpeech {
  /** As they are made; ending the iteration early ends the synthesis. Returns the seconds of speech. */
  readonly bytes: AsyncGenerator<Uint8Array<ArrayBuffer>, number, void>;
}

/** What a voice is asked to say, for whom. */
export interface VoiceCall {
  readonly env: Pick<ServingEnv, 'ONNX' | 'AUDIO'>;
  readonly call: CallContext;
  readonly manifest: Manifest;
  readonly request: VoiceRequest;
  readonly signal: AbortSignal;
}

/**
 * Waits for the first samples, so that an error until then has a status of its own.
 * @throws {EngineError} E_MODEL_KIND for a model that is not a voice; errors of its script.
 */
export async function openVoice(voice: VoiceCall): Promise<Speech> {
  throwIfGone(voice.signal);
  const frames = readVoice(await askToSpeak(voice));
  const start = await nextFrame(frames);
  const first = await nextFrame(frames);
  if (start.type !== 'start' || first.type !== 'samples') throw unexpected(start, first);
  const samples = async function* (): AsyncGenerator<Float32Array, void, void> {
    try {
      yield first.value;
      for await (const frame of frames) {
        throwIfGone(voice.signal);
        if (frame.type === 'samples') yield frame.value;
      }
    } finally {
      await frames.return();
    }
  };
  return { sampleRate: start.value.sampleRate, samples: samples() };
}

/**
 * As openVoice, with the audio script's encoder between the voice and here.
 * @throws {EngineError} as openVoice
 */
export async function openEncodedVoice(voice: VoiceCall, codec: Codec): Promise<EncodedSpeech> {
  throwIfGone(voice.signal);
  const { env, call, signal } = voice;
  const { requestId } = call;
  const samples = await askToSpeak(voice);
  const encoded = await reach('audio', () => env.AUDIO.encode({ requestId }, samples, codec));
  const frames = readEncodedVoice(encoded);
  const start = await nextFrame(frames);
  const first = await nextFrame(frames);
  if (start.type !== 'start' || first.type !== 'bytes') throw unexpected(start, first);
  const bytes = async function* (): EncodedSpeech['bytes'] {
    try {
      yield first.value;
      for await (const frame of frames) {
        throwIfGone(signal);
        if (frame.type === 'bytes') yield frame.value;
        if (frame.type === 'end') return frame.value.seconds;
      }
      return 0;
    } finally {
      await frames.return();
    }
  };
  return { bytes: bytes() };
}

function throwIfGone(signal: AbortSignal): void {
  throwIfAborted(signal, 'request: the client has left.');
}

interface TypedFrame {
  readonly type: string;
}

function unexpected(start: TypedFrame, first: TypedFrame): EngineError {
  return new EngineError(
    'E_INTERNAL',
    `speech: expected frames "start" and sound, got ${start.type}, ${first.type}.`,
  );
}

async function nextFrame<Frame extends TypedFrame>(
  frames: AsyncGenerator<Frame, void, void>,
): Promise<Frame> {
  const { value, done } = await frames.next();
  if (done !== true && value.type !== 'end') return value;
  throw new EngineError(
    'E_BACKEND_UNAVAILABLE',
    'speech: the stream ended without a frame. Try again.',
  );
}

async function askToSpeak({
  env,
  call: { requestId },
  manifest,
  request,
}: VoiceCall): Promise<ReadableStream<Uint8Array>> {
  if (manifest.kind === 'voice')
    return await reach('audio', () => env.AUDIO.speak({ requestId }, manifest.id, request));
  const { id } = requireKind(manifest, 'onnx');
  return await reach('onnx', () => onnxStub(env, id).speak({ requestId }, id, request));
}
