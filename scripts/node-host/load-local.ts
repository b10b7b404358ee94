/** Any model with weights, loaded from the user's models folder into this process. */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { plainTurns } from '../../engine/base/turns.ts';
import type { OpenTurns } from '../../engine/base/turns.ts';
import type { KernelModules } from '../../engine/kernels/wasm/module.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type {
  ManifestOf,
  TextedManifest,
  WeightedManifest,
} from '../../engine/manifest/manifest.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import { modelsDir } from '../lib/paths.ts';
import { readImported } from '../push/push.ts';
import { loadKernelModules } from './kernels.ts';
import { FileModelSource, readTokenizer } from './model-files.ts';

type WeightedKind = WeightedManifest['kind'];

/** A model in this process: its engine, and what turns texts into ids and back. */
export interface Local<K extends WeightedKind, Engine> {
  readonly manifest: ManifestOf<K>;
  readonly engine: Engine;
  /** Null for models that neither read nor write text. */
  readonly tokenizer: K extends TextedManifest['kind'] ? Tokenizer : null;
}

/** What every engine takes here: no memory limit but the machine's unless one is set, turns of Node's event loop. */
export interface NodeHostOptions {
  readonly memoryBudgetBytes: number | null;
  readonly openTurns: OpenTurns;
}

type LoadEngine<K extends WeightedKind, Engine> = (
  source: ModelSource<ManifestOf<K>>,
  modules: KernelModules,
  host: NodeHostOptions,
) => Promise<Engine>;

/**
 * Loads `<modelsRoot>/<id>` into the engine that `load` makes.
 * @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND, and what the engine's own loading throws.
 */
export async function loadLocal<K extends WeightedKind, Engine>(
  kind: K,
  load: LoadEngine<K, Engine>,
  id: string,
  modelsRoot: string = modelsDir(),
): Promise<Local<K, Engine>> {
  const dir = join(modelsRoot, id);
  const manifest = requireKind((await readImported(dir, id)).manifest, kind);
  const tokenizer = 'tokenizer' in manifest ? await readTokenizer(dir, manifest) : null;
  const engine = await load(new FileModelSource(dir, manifest), await loadKernelModules(), {
    memoryBudgetBytes: null,
    openTurns: plainTurns(() => setImmediate()),
  });
  return { manifest, engine, tokenizer: tokenizer as Local<K, Engine>['tokenizer'] };
}
