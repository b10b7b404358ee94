/** A vision tower in this Node process. */
import { TowerEngine } from '../../engine/encode/tower-engine.ts';
import { loadLocal } from './load-local.ts';
import type { Local } from './load-local.ts';

export type LocalTower = Local<'tower', TowerEngine>;

/** Loads `<modelsRoot>/<id>`. @throws {EngineError} as `loadLocal` does */
export function loadLocalTower(id: string, modelsRoot?: string): Promise<LocalTower> {
  return loadLocal(
    'tower',
    (source, modules, host) => TowerEngine.load(source, modules, host),
    id,
    modelsRoot,
  );
}
