/** Recordings in this Node process: the same decoders and the same windows as in the Workers. */
import { join } from 'node:path';
import { compileWasm } from './compile-wasm.ts';
import type { OnnxManifest } from '../../engine/manifest/manifest.ts';
import { SAMPLE_RATE } from '../../engine/transcribe/types.ts';
import { decodeAudio } from '../../worker/audio/decode-stream.ts';
import type { AudioEnd, AudioInfo } from '../../worker/audio/frames.ts';
import type { DecoderModules } from '../../worker/audio/open-audio.ts';
import { runVad } from '../../worker/onnx/tasks/voice-activity.ts';
import type { DetectSpeech } from '../../engine/transcribe/recording/windows.ts';
import { build } from '../build/build.ts';
import { loadLocalOnnx, openOrtRuntime } from './onnx.ts';
import { builtWasm, modelsDir } from '../lib/paths.ts';

/** The catalogue's detector of voice activity. */
export const DETECTOR_ID = 'silero-vad';

/** A recording whose blocks are decoded as they are asked for. */
export class LocalSound implements AsyncIterable<Float32Array> {
  info: AudioInfo | null = null;
  end: AudioEnd | null = null;
  readonly #bytes: Uint8Array;
  readonly #modules: DecoderModules;

  constructor(bytes: Uint8Array, modules: DecoderModules) {
    this.#bytes = bytes;
    this.#modules = modules;
  }

  /** @throws {EngineError} E_AUDIO_INVALID */
  async *[Symbol.asyncIterator](): AsyncGenerator<Float32Array, void, void> {
    const options = { sampleRate: SAMPLE_RATE, raw: null };
    for await (const frame of decodeAudio(this.#bytes, this.#modules, options)) {
      if (frame.type === 'samples') yield frame.value;
      else if (frame.type === 'start') this.info = frame.value;
      else this.end = frame.value;
    }
  }
}

/** The decoders, built first when they are missing or out of date. */
export async function loadDecoders(): Promise<DecoderModules> {
  await build({ only: 'opus' });
  await build({ only: 'fuel' });
  return {
    mp3: await compileWasm(builtWasm('fuel', 'audio', 'mp3.wasm')),
    opus: await compileWasm(builtWasm('fuel', 'audio', 'opus.wasm')),
  };
}

/** An imported detector of voice activity. */
export async function loadDetector(manifest: OnnxManifest): Promise<DetectSpeech> {
  await build({ only: 'ort' });
  const runtime = await openOrtRuntime();
  const model = await loadLocalOnnx(runtime, join(modelsDir(), manifest.id), manifest);
  return (request) => runVad(model, request);
}
