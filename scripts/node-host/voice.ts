/** Voices in this Node process: what `thimble speak` and the bench of voices run. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileWasm } from './compile-wasm.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { Manifest, OnnxManifest, VoiceManifest } from '../../engine/manifest/manifest.ts';
import { PICO_FILES } from '../../engine/manifest/voice.ts';
import type { Pronouncer } from '../../engine/voice/phonemes.ts';
import { PicoVoice } from '../../worker/audio/pico.ts';
import type { PicoFiles } from '../../worker/audio/pico.ts';
import { speakPieces } from '../../worker/audio/speak.ts';
import { requireTask } from '../../worker/onnx/tasks/require-task.ts';
import { speakText } from '../../worker/onnx/tasks/voice.ts';
import type { VoiceRequest } from '../../worker/onnx/tasks/voice.ts';
import { build } from '../build/build.ts';
import { loadLocalOnnx, openOrtRuntime } from './onnx.ts';
import { builtWasm, distDir, modelsDir } from '../lib/paths.ts';

export interface LocalVoice {
  readonly sampleRate: number;
  speak(request: VoiceRequest): AsyncGenerator<Float32Array, void, void>;
}

/**
 * Opens an imported voice of either kind.
 * @throws {EngineError} E_MODEL_KIND, E_FORMAT_INVALID.
 */
export async function openVoice(manifest: Manifest): Promise<LocalVoice> {
  return manifest.kind === 'voice'
    ? await openSmallVoice(manifest)
    : await openOnnxVoice(requireKind(manifest, 'onnx'));
}

async function openSmallVoice({ id, sampleRate }: VoiceManifest): Promise<LocalVoice> {
  const read = (file: string) => readFile(join(modelsDir(), id, file));
  const voice = await loadPico({
    textAnalysis: await read(PICO_FILES.textAnalysis),
    signal: await read(PICO_FILES.signal),
  });
  return {
    sampleRate,
    async *speak(request) {
      yield* speakPieces(voice, request);
    },
  };
}

/** @throws {EngineError} E_FORMAT_INVALID for files that are not a voice. */
export async function loadPico(files: PicoFiles): Promise<PicoVoice> {
  await build({ only: 'opus' });
  await build({ only: 'fuel' });
  return await PicoVoice.load(await compileWasm(builtWasm('fuel', 'audio', 'pico.wasm')), files);
}

async function openOnnxVoice(manifest: OnnxManifest): Promise<LocalVoice> {
  const { voice } = requireTask(manifest, 'speech-synthesis');
  await build({ only: 'ort' });
  await build({ only: 'phonemes' });
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
