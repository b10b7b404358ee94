/** Runs a recording through a recognition model of the stage, without its silence if there is a detector. */
import { EVERY_MODEL } from '../../platform/caller.ts';
import type { CallContext } from '../../platform/failure.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { TranscribeOptions } from '../../../engine/transcribe/types.ts';
import type { VadResult } from '../../../engine/audio/voice-activity.ts';
import { transcribeSound } from '../../../engine/transcribe/recording/transcribe-recording.ts';
import type { TranscriptEvent } from '../../../engine/transcribe/recording/transcript.ts';
import { PlainWindows, SpeechWindows } from '../../../engine/transcribe/recording/windows.ts';
import type { DetectSpeech } from '../../../engine/transcribe/recording/windows.ts';
import type { ServingEnv } from '../env.ts';
import { findModelOfKind } from '../models/model-store.ts';
import type { ModelOfKind } from '../models/model-store.ts';
import { askOnnx } from '../clients/onnx-client.ts';
import { transcribeEvents } from '../clients/stage-client.ts';

export interface SoundJob {
  readonly env: ServingEnv;
  readonly call: CallContext;
  readonly model: ModelOfKind<'recognition'>;
  readonly options: TranscribeOptions;
  readonly signal: AbortSignal;
  readonly useVad: boolean;
}

/** @throws {EngineError} errors of the recording, the detector and the stage. */
export async function* runSound(
  { env, call, model, options, signal, useVad }: SoundJob,
  blocks: AsyncIterable<Float32Array>,
): AsyncGenerator<TranscriptEvent, void, void> {
  const detect = useVad ? await findDetector(env, call) : null;
  yield* transcribeSound({
    windows: detect === null ? new PlainWindows(blocks) : new SpeechWindows(blocks, detect),
    transcribe: (request) => transcribeEvents(env, call, model, request, signal),
    tokenizer: model.tokenizer,
    options,
  });
}

/** The detector that VAD_MODEL names; null when it has not been pushed or the ONNX script is absent. */
export async function findDetector(
  env: ServingEnv,
  call: CallContext,
): Promise<DetectSpeech | null> {
  if (env.ONNX === undefined) return null;
  try {
    const { id } = await findModelOfKind(env.MODELS, env.VAD_MODEL, 'onnx', EVERY_MODEL);
    return (request) =>
      askOnnx<VadResult>(env, call, id, (stub, context) => stub.vad(context, id, request));
  } catch (error) {
    if (error instanceof EngineError && error.code === 'E_MODEL_NOT_FOUND') return null;
    throw error;
  }
}
