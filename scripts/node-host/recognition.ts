/** A speech model in this Node process: what `transcribe` and the speech bench run. */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { SpeechManifest } from '../../engine/manifest/manifest.ts';
import { plainTurns } from '../../engine/base/turns.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import { SpeechEngine } from '../../engine/transcribe/recognition-engine.ts';
import type { SpeechEngineOptions } from '../../engine/transcribe/recognition-engine.ts';
import { readImported } from '../push/push.ts';
import { FileModelSource, loadKernelModules, readTokenizer } from './engine.ts';
import { modelsDir } from '../lib/paths.ts';

export interface LocalSpeech {
  readonly manifest: SpeechManifest;
  readonly engine: SpeechEngine;
  readonly tokenizer: Tokenizer;
}

/**
 * Loads `<modelsRoot>/<id>`; natively there is no memory limit but the machine's.
 * @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND, and what the engine's own loading gives.
 */
export async function loadLocalSpeech(
  id: string,
  options: SpeechEngineOptions = {},
  modelsRoot: string = modelsDir(),
): Promise<LocalSpeech> {
  const dir = join(modelsRoot, id);
  const manifest = requireKind((await readImported(dir, id)).manifest, 'speech');
  const tokenizer = await readTokenizer(dir, manifest);
  const engine = await SpeechEngine.load(
    new FileModelSource(dir, manifest),
    await loadKernelModules(),
    { memoryBudgetBytes: null, openTurns: plainTurns(() => setImmediate()), ...options },
  );
  return { manifest, engine, tokenizer };
}
