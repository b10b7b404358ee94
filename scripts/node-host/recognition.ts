/** A recogniser in this Node process: what `transcribe` and the bench of recognition run. */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { RecognitionManifest } from '../../engine/manifest/manifest.ts';
import { plainTurns } from '../../engine/base/turns.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import { RecognitionEngine } from '../../engine/transcribe/recognition-engine.ts';
import type { RecognitionEngineOptions } from '../../engine/transcribe/recognition-engine.ts';
import { readImported } from '../push/push.ts';
import { FileModelSource, loadKernelModules, readTokenizer } from './engine.ts';
import { modelsDir } from '../lib/paths.ts';

export interface LocalRecogniser {
  readonly manifest: RecognitionManifest;
  readonly engine: RecognitionEngine;
  readonly tokenizer: Tokenizer;
}

/**
 * Loads `<modelsRoot>/<id>`; natively there is no memory limit but the machine's.
 * @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND, and what the engine's own loading gives.
 */
export async function loadLocalRecogniser(
  id: string,
  options: RecognitionEngineOptions = {},
  modelsRoot: string = modelsDir(),
): Promise<LocalRecogniser> {
  const dir = join(modelsRoot, id);
  const manifest = requireKind((await readImported(dir, id)).manifest, 'recognition');
  const tokenizer = await readTokenizer(dir, manifest);
  const engine = await RecognitionEngine.load(
    new FileModelSource(dir, manifest),
    await loadKernelModules(),
    { memoryBudgetBytes: null, openTurns: plainTurns(() => setImmediate()), ...options },
  );
  return { manifest, engine, tokenizer };
}
