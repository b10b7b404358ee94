/** A small voice in this Node process: the same program as in the audio script. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VoiceManifest } from '../../engine/formats/manifest.ts';
import { PICO_FILES } from '../../engine/formats/voice-manifest.ts';
import { PicoVoice } from '../../worker/audio/pico.ts';
import type { PicoFiles } from '../../worker/audio/pico.ts';
import type { WasmCompiler } from './local-engine.ts';
import { modelsDir, repoRoot } from './paths.ts';

const MODULE = 'node_modules/@echogarden/svoxpico-wasm/svoxpico.wasm';

/** @throws {EngineError} E_FORMAT_INVALID for files that are no voice. */
export async function loadPico(files: PicoFiles): Promise<PicoVoice> {
  const compiler = WebAssembly as unknown as WasmCompiler;
  return await PicoVoice.load(
    await compiler.compile(await readFile(join(repoRoot, MODULE))),
    files,
  );
}

/** An imported voice. */
export async function loadLocalVoice(
  { id }: VoiceManifest,
  modelsRoot: string = modelsDir(),
): Promise<PicoVoice> {
  const [textAnalysis, signal] = await Promise.all(
    [PICO_FILES.textAnalysis, PICO_FILES.signal].map((file) =>
      readFile(join(modelsRoot, id, file)),
    ),
  );
  return await loadPico({ textAnalysis: textAnalysis!, signal: signal! });
}
