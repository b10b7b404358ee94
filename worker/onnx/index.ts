/**
 * The ONNX script: onnxruntime-web and what runs on it. One object a model id, so that requests for a
 * model meet where it is loaded; a stateless entrypoint would load it anew wherever it happens to run.
 * The objects keep nothing themselves: models live in host.ts, once an isolate, and streams carry
 * their state along.
 */
import { DurableObject } from 'cloudflare:workers';
import { EnglishG2P } from '../../dist/phonemes/english-g2p.mjs';
import { errorToRecord } from '../../engine/base/errors.ts';
import type { ErrorRecord } from '../../engine/base/errors.ts';
import { acquireModel, onnxHostStats, withModel } from './host.ts';
import type { OnnxHostEnv, OnnxHostStats } from './host.ts';
import type { OnnxModel } from './load-model.ts';
import { labelImage } from './tasks/image-labels.ts';
import type { ImageLabel } from './tasks/image-labels.ts';
import { readText } from './tasks/read-text.ts';
import type { TextLine } from './tasks/read-text.ts';
import { requireTask } from './tasks/require-task.ts';
import { voiceStream } from '../platform/voice-frames.ts';
import { speakText } from './tasks/voice.ts';
import type { VoiceRequest } from './tasks/voice.ts';
import { runVad } from './tasks/voice-activity.ts';
import type { VadRequest, VadResult } from '../../engine/audio/voice-activity.ts';
import type { OnnxTensors } from './tensors.ts';

let english: EnglishG2P | null = null;
/** Made when someone speaks: its small tables are parsed then. */
const pronouncer = (): EnglishG2P => (english ??= new EnglishG2P());

/** Errors come back as values: RPC would drop their codes. */
export type OnnxAnswer<T> = { readonly ok: T } | { readonly error: ErrorRecord };

export class OnnxObject extends DurableObject<OnnxHostEnv> {
  /** Runs a graph of a model ('main', or one of its task's parts). */
  async run(
    modelId: string,
    feeds: OnnxTensors,
    graph: string = 'main',
  ): Promise<OnnxAnswer<OnnxTensors>> {
    return await this.answer(modelId, (model) => model.run(graph, feeds));
  }

  /** Speech segments of what comes next in a stream of samples (tasks/voice-activity.ts). */
  async vad(modelId: string, request: VadRequest): Promise<OnnxAnswer<VadResult>> {
    return await this.answer(modelId, (model) => {
      requireTask(model.manifest, 'voice-activity');
      return runVad(model, request);
    });
  }

  /** Labels of a PNG or JPEG with their scores, the likeliest first. */
  async labelImage(modelId: string, bytes: Uint8Array): Promise<OnnxAnswer<ImageLabel[]>> {
    return await this.answer(modelId, (model) => labelImage(model, bytes));
  }

  /** The lines of text in a PNG or JPEG, in reading order. */
  async readText(modelId: string, bytes: Uint8Array): Promise<OnnxAnswer<TextLine[]>> {
    return await this.answer(modelId, (model) => readText(model, bytes));
  }

  /** Speech as frames (voice-frames.ts), made as they are read; an error is a frame, too. */
  speak(modelId: string, request: VoiceRequest): ReadableStream<Uint8Array> {
    let release = () => {};
    return voiceStream(
      async () => {
        const held = await acquireModel(this.env, modelId);
        release = held.release;
        const { voice } = requireTask(held.model.manifest, 'speech-synthesis');
        const { sampleRate } = voice;
        return { sampleRate, samples: speakText(held.model, voice, pronouncer(), request) };
      },
      () => release(),
    );
  }

  /** Loads the model if need be; what the isolate holds. */
  async status(modelId: string): Promise<OnnxAnswer<OnnxHostStats>> {
    return await this.answer(modelId, async () => onnxHostStats());
  }

  private async answer<T>(
    modelId: string,
    use: (model: OnnxModel) => Promise<T>,
  ): Promise<OnnxAnswer<T>> {
    try {
      return { ok: await withModel(this.env, modelId, use) };
    } catch (error) {
      return { error: errorToRecord(error) };
    }
  }
}

export default {
  fetch(): Response {
    return new Response('This script has no address of its own.\n', { status: 404 });
  },
};
