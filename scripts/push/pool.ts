/** A pool of some size, filled with the models of a bucket. Pure but for the reading of manifests. */
import { EngineError } from '../../engine/base/errors.ts';
import { MAX_ISOLATES } from '../../engine/manifest/placement.ts';
import type { Placement } from '../../engine/manifest/placement.ts';
import { parseManifest } from '../../engine/manifest/manifest.ts';
import type { Manifest } from '../../engine/manifest/manifest.ts';
import { contextOf, isolatesNeeded } from '../../engine/placement/assign.ts';
import type { AssignOptions } from '../../engine/placement/assign.ts';
import { addModel, askedContext, resizePool, useModel } from '../../engine/placement/changes.ts';
import { isPlaced } from '../../engine/placement/needs.ts';
import type { PlacedManifest } from '../../engine/placement/needs.ts';
import { JS_HEAP_BYTES } from '../../engine/model/memory/budget.ts';
import { manifestKey, versionKey } from '../../worker/platform/model-keys.ts';
import { liesAsAsked, versionOf } from './place.ts';
import type { Bucket } from './bucket.ts';

/** A model that lies, or is to lie, in the pool. */
export interface StoredModel {
  readonly manifest: PlacedManifest;
  readonly version: string;
}

export interface PoolRequest {
  /** `auto`: as many as the models need. */
  readonly nIsolate: number | 'auto';
  readonly budgetBytes: number;
  readonly overlap?: boolean;
  /** Text model of requests that name none; placed first. */
  readonly defaultModel?: string;
  /** Models that must be placed, by id, with what is asked for each; others are left out where they do not fit. */
  readonly required: ReadonlyMap<string, AssignOptions>;
  /** Whether the required models are pushed: their versions answer, even those that were rolled back. */
  readonly isPush?: boolean;
  /** Told of models that were left out. */
  readonly onLeftOut?: (id: string, error: EngineError) => void;
}

/** The versions of models that a bucket has and a pool may hold: those that are placed, and those pushed last. */
export async function readStored(bucket: Bucket, placement: Placement): Promise<StoredModel[]> {
  return (await readAllStored(bucket, placement)).filter(isStoredInPool);
}

/** The same, with models that run in scripts of their own. */
export async function readAllStored(bucket: Bucket, placement: Placement): Promise<AnyStored[]> {
  const listed = (await bucket.listModelIds()) ?? Object.keys(placement.serving);
  const newest = await Promise.all(listed.map((id) => readManifestAt(bucket, manifestKey(id))));
  const found = newest.filter((model) => model !== null);
  const has = (id: string, version: string) =>
    found.some((model) => model.manifest.id === id && model.version === version);
  const older = placement.models.filter(({ id, version }) => !has(id, version));
  const kept = await Promise.all(
    older.map(({ id, version }) => readManifestAt(bucket, versionKey(id, version))),
  );
  return [...found, ...kept.filter((model) => model !== null)];
}

/** A version of a model of any kind. */
export interface AnyStored {
  readonly manifest: Manifest;
  readonly version: string;
}

function isStoredInPool(model: AnyStored): model is StoredModel {
  return isPlaced(model.manifest);
}

/** Null for what is missing or can no longer be read. */
async function readManifestAt(bucket: Bucket, key: string): Promise<AnyStored | null> {
  const text = await bucket.getText(key);
  if (text === null) return null;
  try {
    return { manifest: parseManifest(JSON.parse(text)), version: versionOf(text) };
  } catch {
    return null;
  }
}

/**
 * A record with this pool: what lies there stays if it can, models whose files are gone are dropped, those
 * that were never placed are added.
 * @param stored as `readStored` gives it
 * @returns the same record if nothing has to change
 * @throws {EngineError} E_MEMORY_BUDGET for a required model that does not fit, with the command that makes it fit.
 */
export function fillPool(
  before: Placement,
  stored: readonly StoredModel[],
  request: PoolRequest,
): Placement {
  const { budgetBytes, required, defaultModel, overlap = before.overlap } = request;
  const nIsolate =
    request.nIsolate === 'auto' ? isolatesFor(before, stored, request) : request.nIsolate;
  const optionsOf = (id: string) => required.get(id) ?? {};
  const find = ({ id, version }: { readonly id: string; readonly version: string }) =>
    stored.find((model) => model.manifest.id === id && model.version === version)?.manifest ?? null;
  const refuse = (id: string, error: EngineError): void => {
    if (required.has(id)) throw error;
    request.onLeftOut?.(id, error);
  };
  let placement = before;
  const isSame =
    before.nIsolate === nIsolate &&
    before.budgetBytes === budgetBytes &&
    before.overlap === overlap;
  if (!isSame || before.models.some((model) => find(model) === null)) {
    // The model of this run comes first, whatever was the default before.
    const first = { ...before, defaultModel: defaultModel ?? before.defaultModel };
    const pool = { nIsolate, budgetBytes, overlap };
    placement = resizePool(first, pool, { manifestOf: find, optionsOf, onRefused: refuse });
  }
  const newest = stored.filter(({ manifest: { id } }, i) => indexOfId(stored, id) === i);
  const rank = ({ manifest: { id } }: StoredModel) =>
    id === defaultModel ? 0 : required.has(id) ? 1 : 2;
  for (const model of newest.toSorted((a, b) => rank(a) - rank(b))) {
    const { id } = model.manifest;
    const isPushed = request.isPush === true && required.has(id);
    if (isPushed || !isChosenOtherwise(placement, model))
      placement = withModel(placement, model, required.get(id), refuse);
    // Before the others, which keep away from it.
    if (id === defaultModel && placement.defaultModel !== id) placement = useModel(placement, id);
  }
  return placement;
}

function indexOfId(stored: readonly StoredModel[], id: string): number {
  return stored.findIndex(({ manifest }) => manifest.id === id);
}

/** Who rolled back or tries a version beside another has chosen: only a push changes that. */
function isChosenOtherwise({ serving }: Placement, { manifest, version }: StoredModel): boolean {
  const { canary = null, previous = null } = serving[manifest.id] ?? {};
  return canary?.version === version || previous === version;
}

/** Adds a model that is required or was never placed. */
function withModel(
  placement: Placement,
  { manifest, version }: StoredModel,
  options: AssignOptions | undefined,
  refuse: (id: string, error: EngineError) => void,
): Placement {
  const isServed = placement.serving[manifest.id] !== undefined;
  if (isServed && options === undefined) return placement;
  if (liesAsAsked(placement, manifest, version, options ?? {})) return placement;
  try {
    return addModel(placement, manifest, version, options);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'E_MEMORY_BUDGET') throw error;
    refuse(manifest.id, error);
    return placement;
  }
}

/** Isolates with which every model has its own. */
function isolatesFor(
  before: Placement,
  stored: readonly StoredModel[],
  { budgetBytes, required }: PoolRequest,
): number {
  const { serving, models } = before;
  const newest = stored.filter(({ manifest: { id } }, i) => indexOfId(stored, id) === i);
  const counts = newest.map(({ manifest }) => {
    const { id } = manifest;
    const placed = models.find(
      (model) => model.id === id && model.version === serving[id]?.version,
    );
    const kept = placed === undefined ? {} : askedContext(before, placed, manifest);
    const { nReplica, ...options } = { ...kept, ...required.get(id) };
    const capacity = budgetBytes - JS_HEAP_BYTES;
    const nCtx = manifest.kind === 'decoder' ? contextOf(manifest, capacity, options) : null;
    const copies = nReplica ?? placed?.replicas.length ?? 1;
    return (isolatesNeeded(manifest, budgetBytes, nCtx) ?? 0) * copies;
  });
  return Math.min(
    MAX_ISOLATES,
    Math.max(
      1,
      counts.reduce((sum, count) => sum + count, 0),
    ),
  );
}
