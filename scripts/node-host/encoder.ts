/** An embedding model in this Node process: what `thimble embed` and the bench of embeddings run. */
import { EncoderEngine } from '../../engine/encode/encoder-engine.ts';
import type { EncoderEngineOptions } from '../../engine/encode/encoder-engine.ts';
import { loadLocal } from './load-local.ts';
import type { Local } from './load-local.ts';

export type LocalEncoder = Local<'encoder', EncoderEngine>;

/** Loads `<modelsRoot>/<id>`. @throws {EngineError} as `loadLocal` does */
export function loadLocalEncoder(
  id: string,
  options: EncoderEngineOptions = {},
  modelsRoot?: string,
): Promise<LocalEncoder> {
  return loadLocal(
    'encoder',
    (source, modules, host) => EncoderEngine.load(source, modules, { ...host, ...options }),
    id,
    modelsRoot,
  );
}
