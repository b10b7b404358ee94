/** A voice in this Node process: what `thimble speak` and the bench of voices run. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { requireKind } from '../../engine/formats/manifest.ts';
import type { Pronouncer } from '../../engine/speech-text/phonemes.ts';
import { requireTask } from '../../worker/onnx/tasks/require-task.ts';
import { speakText } from '../../worker/onnx/tasks/speech.ts';
import type { SpeechRequest } from '../../worker/onnx/tasks/speech.ts';
import { build } from '../build/build.ts';
import { obtainModel } from '../dev/prepare.ts';
import { loadLocalOnnx, openOrtRuntime } from './local-onnx.ts';
import { distDir, modelsDir } from './paths.ts';

export interface LocalVoice {
  readonly sampleRate: number;
  speak(request: SpeechRequest): AsyncGenerator<Float32Array, void, void>;
}

/** @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND, and what pulling and importing give. */
export async function openVoice(id: string): Promise<LocalVoice> {
  await build({ only: 'ort' });
  await build({ only: 'phonemes' });
  const manifest = requireKind(await obtainModel(id), 'onnx');
  const { voice } = requireTask(manifest, 'speech-synthesis');
  const runtime = await openOrtRuntime();
  const model = await loadLocalOnnx(runtime, join(modelsDir(), manifest.id), manifest);
  const pronouncer = await openPronouncer();
  return {
    sampleRate: voice.sampleRate,
    speak: (request) => speakText(model, voice, pronouncer, request),
  };
}

async function openPronouncer(): Promise<Pronouncer> {
  const path = pathToFileURL(join(distDir, 'phonemes', 'english-g2p.mjs')).href;
  const { EnglishG2P } = (await import(path)) as { EnglishG2P: new () => Pronouncer };
  return new EnglishG2P();
}
