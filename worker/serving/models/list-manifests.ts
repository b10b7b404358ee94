/** The models that a caller may use. */
import { RecentCache } from '../../../engine/base/recent-cache.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { splitName } from '../../../engine/manifest/adapters.ts';
import type { AdapterRecord } from '../../../engine/manifest/adapters.ts';
import type { ModelKind } from '../../../engine/manifest/manifest.ts';
import { mayUse } from '../../platform/caller.ts';
import type { ModelAccess } from '../../platform/caller.ts';
import { listModelIds, readManifest } from '../../platform/model-files.ts';
import type { StoredManifest } from '../../platform/model-files.ts';
import type { ServingEnv } from '../env.ts';
import { listAdapters } from './adapters.ts';
import { defaultModelId, resolveModel } from './model-names.ts';

type Env = Pick<ServingEnv, 'MODELS' | 'DEFAULT_MODEL'>;

/** The default comes first, since some clients take the first one. @throws {EngineError} E_WEIGHTS_FETCH */
export async function listManifests(env: Env, access: ModelAccess): Promise<StoredManifest[]> {
  const ids = await listAllowed(env, access);
  const first = await defaultModelId(env);
  ids.sort((a, b) => Number(b === first) - Number(a === first));
  const models = await Promise.all(ids.map((id) => readListed(env, id)));
  return models.flat();
}

/** A key may name models by alias. */
async function listAllowed(env: Env, access: ModelAccess): Promise<string[]> {
  const ids = await listModelIds(env.MODELS);
  if (access.models === null) return ids;
  const named = await Promise.all(access.models.map((name) => resolveModel(env.MODELS, name)));
  const bases = named.filter(({ adapter }) => adapter === null);
  return ids.filter((id) => mayUse(access, id) || bases.some((model) => model.id === id));
}

/** A base's adapter as a model of its own. */
export interface ListedAdapter {
  readonly base: StoredManifest;
  readonly adapter: AdapterRecord;
}

/** Models and their adapters that a caller may use, the default model and those of it first. */
export interface ListedModels {
  readonly models: readonly StoredManifest[];
  readonly adapters: readonly ListedAdapter[];
}

/** Kinds of models that have adapters: text models, and embedding models with image towers. */
const ADAPTED: ReadonlySet<ModelKind> = new Set(['decoder', 'encoder']);

/** @throws {EngineError} E_WEIGHTS_FETCH, E_MANIFEST_INVALID */
export async function listServed(env: Env, access: ModelAccess): Promise<ListedModels> {
  const models = await listManifests(env, access);
  // A key may name an adapter and not its base.
  const bases = access.models === null ? models : await listManifests(env, basesOf(access.models));
  const found = await Promise.all(
    bases.map(async (base) => {
      const { id, kind } = base.manifest;
      const records = ADAPTED.has(kind) ? await listAdapters(env.MODELS, id, access) : [];
      return records.map((adapter) => ({ base, adapter }));
    }),
  );
  return { models, adapters: found.flat() };
}

function basesOf(models: readonly string[]): ModelAccess {
  return {
    models: models
      .map((name) => splitName(name))
      .flatMap(({ base, adapter }) => (adapter === null ? [] : [base])),
  };
}

/** Of up to 50 kB as text: what is unchanged is not parsed again for each list. */
const MAX_KEPT_MANIFESTS = 32;
const kept = new WeakMap<R2Bucket, RecentCache<string, StoredManifest>>();

/** A model whose manifest does not parse is not served, so it is not listed. */
async function readListed(env: Env, id: string): Promise<StoredManifest[]> {
  const manifests = keptOf(env.MODELS);
  const known = manifests.get(id);
  const stored = await readManifest(env.MODELS, id, known?.version).catch((error: unknown) => {
    if (error instanceof EngineError && error.row.party === 'modelFile') return null;
    throw error;
  });
  if (stored === 'unchanged') return known === undefined ? [] : [known];
  if (stored === null) return [];
  manifests.set(id, stored);
  return [stored];
}

function keptOf(bucket: R2Bucket): RecentCache<string, StoredManifest> {
  const found = kept.get(bucket) ?? new RecentCache({ maxEntries: MAX_KEPT_MANIFESTS });
  kept.set(bucket, found);
  return found;
}
