/**
 * Silero's voice activity detector, v5 and v6 (github.com/snakers4/silero-vad): a probability of
 * speech for each 32 ms at 16 kHz. A frame goes in after the last 64 samples of the frame before,
 * with the network's state [2, 1, 128]; without them it detects half as well.
 */
import type { VadRequest, VadResult, VadState } from '../../../engine/audio/voice-activity.ts';
import { joinFloats } from '../../../engine/base/joined.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { OnnxModel } from '../load-model.ts';
import { float32Of, float32Tensor, int64Tensor } from '../tensors.ts';
import {
  DETECTOR_START,
  detectSpeech,
  finishSpeech,
} from '../../../engine/audio/speech-detector.ts';

export const VAD_RATE = 16_000;
const FRAME = 512;
const CONTEXT = 64;
const STATE_DIMS = [2, 1, 128] as const;
const STATE_LENGTH = 256;
/** Most samples of one call: five minutes; longer audio continues with the state. */
export const MAX_VAD_SAMPLES = 300 * VAD_RATE;

const START: VadState = {
  network: new Float32Array(STATE_LENGTH),
  context: new Float32Array(CONTEXT),
  rest: new Float32Array(0),
  detector: DETECTOR_START,
};

/** @throws {EngineError} E_REQUEST_INVALID for invalid samples, options or state. */
export async function runVad(model: OnnxModel, request: VadRequest): Promise<VadResult> {
  checkRequest(request);
  const { options = {}, isLast = true } = request;
  const before = request.state ?? START;
  const samples = joinFloats([before.rest, request.samples]);
  const whole = Math.floor(samples.length / FRAME);
  // The last frame of a stream is padded with silence.
  const nFrame = isLast && samples.length % FRAME > 0 ? whole + 1 : whole;
  const probabilities = new Float32Array(nFrame);
  let { network, context } = before;
  for (let i = 0; i < nFrame; i++) {
    const input = new Float32Array(CONTEXT + FRAME);
    input.set(context);
    input.set(samples.subarray(i * FRAME, (i + 1) * FRAME), CONTEXT);
    const outputs = await model.run('main', {
      input: float32Tensor(input, [1, CONTEXT + FRAME]),
      state: float32Tensor(network, STATE_DIMS),
      sr: int64Tensor([VAD_RATE], []),
    });
    probabilities[i] = float32Of(outputs, 'output')[0] ?? 0;
    network = float32Of(outputs, 'stateN');
    context = input.slice(FRAME);
  }
  const found = detectSpeech([...probabilities], FRAME, VAD_RATE, before.detector, options);
  const total = before.detector.at + samples.length;
  const last = isLast ? finishSpeech(found.state, total, VAD_RATE, options) : [];
  const { start } = found.state;
  return {
    segments: [...found.segments, ...last],
    openSinceS: isLast || start === null ? null : start / VAD_RATE,
    probabilities,
    state: { network, context, rest: samples.slice(nFrame * FRAME), detector: found.state },
  };
}

function checkRequest({ samples, options = {}, state }: VadRequest): void {
  if (!(samples instanceof Float32Array) || samples.length > MAX_VAD_SAMPLES)
    throw invalid('samples', `at most ${MAX_VAD_SAMPLES} samples of float32 in a call`);
  if (!samples.every((sample) => Number.isFinite(sample)))
    throw invalid('samples', 'finite numbers');
  for (const [name, value] of Object.entries(options)) {
    const most = name.endsWith('S') ? 60 : 1;
    if (!(typeof value === 'number' && value >= 0 && value <= most))
      throw invalid(`options.${name}`, `a number from 0 to ${most}`);
  }
  if (state == null) return;
  const { network, context, rest } = state;
  if (network.length !== STATE_LENGTH || context.length !== CONTEXT || rest.length >= FRAME)
    throw invalid('state', 'the state that the previous call returned');
}

function invalid(param: string, expected: string): EngineError {
  return new EngineError('E_REQUEST_INVALID', `vad: ${param}; expected ${expected}.`, { param });
}
