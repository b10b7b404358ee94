/** Runs a request of /v1/onnx on tensors or on the input of a task: a row per kind of input. */
import type { Caller } from '../../platform/caller.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { fromBase64 } from '../../../engine/base/base64.ts';
import type { ImageLabel } from '../../onnx/tasks/image-labels.ts';
import type { SpeechSegment, VadOptions } from '../../../engine/audio/speech-detector.ts';
import type { VadRequest, VadResult } from '../../../engine/audio/voice-activity.ts';
import type { TextLine } from '../../onnx/tasks/read-text.ts';
import type { OnnxTensors } from '../../onnx/tensors.ts';
import { findModelOfKind } from '../../serving/models/model-store.ts';
import type { ServingEnv } from '../../serving/env.ts';
import { readDataUrl } from '../../http/body/data-url.ts';
import { tensorsFromJson, tensorsToJson } from './json-tensors.ts';
import type { JsonTensor, TensorEncoding } from './json-tensors.ts';
import { askOnnx } from '../../serving/clients/onnx-client.ts';

export const ONNX_WAYS = ['inputs', 'samples', 'image'] as const;
type Way = (typeof ONNX_WAYS)[number];

type Given<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** The checked body of /v1/onnx: exactly one of ONNX_WAYS is present. */
export interface OnnxBody {
  readonly inputs?: Readonly<Record<string, JsonTensor>> | undefined;
  readonly graph?: string | undefined;
  readonly encoding: TensorEncoding;
  readonly samples?: string | undefined;
  readonly vad?: Given<VadOptions> | undefined;
  readonly image?: string | undefined;
  readonly top_k?: number | undefined;
}

export async function runOnnxTask(
  env: ServingEnv,
  caller: Caller,
  model: string,
  body: OnnxBody,
): Promise<Readonly<Record<string, unknown>>> {
  const way = ONNX_WAYS.find((name) => body[name] !== undefined) ?? 'inputs';
  // Objects are named by models that are there, not by whatever a request says.
  const { id } = await findModelOfKind(env.MODELS, model, 'onnx', caller);
  return { model, ...(await WAYS[way](env, caller, id, body)) };
}

const DEFAULT_LABELS = 5;

const WAYS: Readonly<
  Record<Way, (env: ServingEnv, caller: Caller, model: string, body: OnnxBody) => Promise<object>>
> = {
  async inputs(env, caller, model, { inputs = {}, graph, encoding }) {
    const feeds = tensorsFromJson(inputs);
    const outputs = await askOnnx<OnnxTensors>(env, caller, model, (stub, call) =>
      stub.run(call, model, feeds, graph ?? 'main'),
    );
    return { outputs: tensorsToJson(outputs, encoding) };
  },

  async samples(env, caller, model, { samples = '', vad = {} }) {
    const bytes = fromBase64(samples);
    if (bytes === null || bytes.length % 4 !== 0)
      throw invalidField('samples', 'expected base64 of little-endian float32, mono at 16 kHz');
    const options = Object.fromEntries(
      Object.entries(vad).filter(([, value]) => value !== undefined),
    ) as VadOptions;
    const request: VadRequest = { samples: new Float32Array(bytes.buffer), options };
    const { segments } = await askOnnx<VadResult>(env, caller, model, (stub, call) =>
      stub.vad(call, model, request),
    );
    return { segments: segments.map(segmentJson) };
  },

  async image(env, caller, model, { image = '', top_k: count = DEFAULT_LABELS }) {
    const bytes = readDataUrl(image, 'image');
    const { manifest } = await findModelOfKind(env.MODELS, model, 'onnx', caller);
    if (manifest.task.name === 'text-recognition') {
      const lines = await askOnnx<TextLine[]>(env, caller, model, (stub, call) =>
        stub.readText(call, model, bytes),
      );
      return { text: lines.map(({ text }) => text).join('\n'), lines };
    }
    const labels = await askOnnx<ImageLabel[]>(env, caller, model, (stub, call) =>
      stub.labelImage(call, model, bytes),
    );
    return { labels: labels.slice(0, count) };
  },
};

function segmentJson({ startS, endS }: SpeechSegment): { start: number; end: number } {
  const round = (seconds: number) => Math.round(seconds * 1000) / 1000;
  return { start: round(startS), end: round(endS) };
}
