/** An image encoder in this Node process. */
import { ImageEngine } from '../../engine/encode/image-engine.ts';
import type { VisionPlanOptions } from '../../engine/model/vision/plan.ts';
import { loadLocal } from './load-local.ts';
import type { Local } from './load-local.ts';

export type LocalImageEncoder = Local<'vision', ImageEngine>;

/** Loads `<modelsRoot>/<id>`. @throws {EngineError} as `loadLocal` does */
export function loadLocalImageEncoder(
  id: string,
  modelsRoot?: string,
  options: Pick<VisionPlanOptions, 'eyesBytes'> = {},
): Promise<LocalImageEncoder> {
  return loadLocal(
    'vision',
    (source, modules, host) => ImageEngine.load(source, modules, { ...host, ...options }),
    id,
    modelsRoot,
  );
}
