/** A recogniser in this Node process: what `thimble transcribe` and the bench of recognition run. */
import { RecognitionEngine } from '../../engine/transcribe/recognition-engine.ts';
import type { RecognitionEngineOptions } from '../../engine/transcribe/recognition-engine.ts';
import { loadLocal } from './load-local.ts';
import type { Local } from './load-local.ts';

export type LocalRecogniser = Local<'recognition', RecognitionEngine>;

/** Loads `<modelsRoot>/<id>`. @throws {EngineError} as `loadLocal` does */
export function loadLocalRecogniser(
  id: string,
  options: RecognitionEngineOptions = {},
  modelsRoot?: string,
): Promise<LocalRecogniser> {
  return loadLocal(
    'recognition',
    (source, modules, host) => RecognitionEngine.load(source, modules, { ...host, ...options }),
    id,
    modelsRoot,
  );
}
