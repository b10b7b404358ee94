/**
 * The ONNX script: onnxruntime-web and the tasks on top of it. One object per model id, so that requests for a
 * model meet where it is loaded; a stateless entrypoint would load it again wherever it happens to run.
 * The objects keep nothing themselves: models live in host.ts, once per isolate, and streams carry
 * their state along.
 */
import { DurableObject } from 'cloudflare:workers';
import { EnglishG2P } from '../../dist/phonemes/english-g2p.mjs';
import type { CallContext } from '../platform/failure.ts';
import { answerCall } from '../platform/rpc.ts';
import type { RpcAnswer } from '../platform/rpc.ts';
import { acquireModel, onnxHostStats, withModel } from './host.ts';
import type { OnnxHostEnv, OnnxHostStats } from './host.ts';
import type { OnnxModel } from './load-model.ts';
import type { ImageSource } from './tasks/image-source.ts';
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
/** Made on first use, since its tables are parsed then. */
const pronouncer = (): EnglishG2P => (english ??= new EnglishG2P());

export class OnnxObject extends DurableObject<OnnxHostEnv> {
  /** Runs a graph of a model: 'main', or one of its task's parts. */
  async run(
    call: CallContext,
    modelId: string,
    feeds: OnnxTensors,
    graph: string = 'main',
  ): Promise<RpcAnswer<OnnxTensors>> {
    return await this.#answer('run', call, modelId, (model) => model.run(graph, feeds));
  }

  /** Speech segments in the next samples of a stream (tasks/voice-activity.ts). */
  async vad(
    call: CallContext,
    modelId: string,
    request: VadRequest,
  ): Promise<RpcAnswer<VadResult>> {
    return await this.#answer('vad', call, modelId, (model) => {
      requireTask(model.manifest, 'voice-activity');
      return runVad(model, request);
    });
  }

  /** Labels of an image with their scores, the most likely first. */
  async labelImage(
    call: CallContext,
    modelId: string,
    image: ImageSource,
  ): Promise<RpcAnswer<ImageLabel[]>> {
    return await this.#answer('labelImage', call, modelId, (model) => labelImage(model, image));
  }

  /** The lines of text in an image, in reading order. */
  async readText(
    call: CallContext,
    modelId: string,
    image: ImageSource,
  ): Promise<RpcAnswer<TextLine[]>> {
    return await this.#answer('readText', call, modelId, (model) => readText(model, image));
  }

  /** Speech as frames (voice-frames.ts), made as they are read; an error is a frame, too. */
  speak(call: CallContext, modelId: string, request: VoiceRequest): ReadableStream<Uint8Array> {
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
      { place: 'onnx.speak', ...call },
    );
  }

  /** Loads the model if necessary, and says what the isolate holds. */
  async status(call: CallContext, modelId: string): Promise<RpcAnswer<OnnxHostStats>> {
    return await this.#answer('status', call, modelId, async () => onnxHostStats());
  }

  #answer<T>(
    method: string,
    call: CallContext,
    modelId: string,
    use: (model: OnnxModel) => Promise<T>,
  ): Promise<RpcAnswer<T>> {
    const place = { place: `onnx.${method}`, ...call };
    return answerCall(place, () => withModel(this.env, modelId, use));
  }
}

export default {
  fetch(): Response {
    return new Response('This script serves no HTTP requests.\n', { status: 404 });
  },
};
