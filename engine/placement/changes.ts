/** Changes of a placement. Pure: each gives a new record, with the next revision. */
import { EngineError } from '../base/errors.ts';
import type { PlacedModel, Placement, Serving } from '../manifest/placement.ts';
import { findPlaced, PLACEMENT_VERSION } from '../manifest/placement.ts';
import { assign, DEFAULT_BUDGET_BYTES } from './assign.ts';
import type { AssignOptions } from './assign.ts';
import type { PlacedManifest } from './needs.ts';

/** Isolates of a pool when nobody says how many: a model of half a billion weights, and a few beside it. */
export const DEFAULT_ISOLATES = 8;

export interface PoolOptions {
  readonly nIsolate?: number;
  readonly budgetBytes?: number;
  readonly overlap?: boolean;
}

export function emptyPlacement(options: PoolOptions = {}): Placement {
  return {
    formatVersion: PLACEMENT_VERSION,
    revision: 0,
    createdAt: '',
    nIsolate: options.nIsolate ?? DEFAULT_ISOLATES,
    budgetBytes: options.budgetBytes ?? DEFAULT_BUDGET_BYTES,
    overlap: options.overlap ?? false,
    defaultModel: null,
    aliases: {},
    serving: {},
    models: [],
  };
}

export interface AddOptions extends AssignOptions {
  /** Percentage of requests the new version answers beside the present one; without it, all. */
  readonly canaryPercent?: number;
}

/**
 * Places a version of a model and lets it answer. The version before it keeps its place as long as
 * there is room: streams that began with it go on, and `rollBack` finds it loaded.
 * @throws {EngineError} E_MEMORY_BUDGET as `assign`.
 */
export function addModel(
  placement: Placement,
  manifest: PlacedManifest,
  version: string,
  options: AddOptions = {},
): Placement {
  const { id } = manifest;
  const now = placement.serving[id];
  const stays = (model: PlacedModel) =>
    model.id !== id || (model.version === now?.version && model.version !== version);
  const others = placement.models.filter(stays);
  const placed = assign({ ...placement, models: others }, manifest, version, options);
  return changed(placement, {
    models: [...others, placed],
    serving: { ...placement.serving, [id]: servingAfter(now, version, options) },
  });
}

function servingAfter(
  now: Serving | undefined,
  version: string,
  { canaryPercent }: AddOptions,
): Serving {
  if (now === undefined || now.version === version)
    return { version, canary: null, previous: null };
  if (canaryPercent !== undefined) return { ...now, canary: { version, percent: canaryPercent } };
  return { version, canary: null, previous: now.version };
}

/** Forgets a model, all of its versions. @throws {EngineError} E_MODEL_NOT_FOUND */
export function removeModel(placement: Placement, id: string): Placement {
  requireServed(placement, id);
  const { [id]: _, ...serving } = placement.serving;
  const aliases = Object.entries(placement.aliases).filter(([, target]) => target !== id);
  return changed(placement, {
    models: placement.models.filter((model) => model.id !== id),
    serving,
    aliases: Object.fromEntries(aliases),
    defaultModel: placement.defaultModel === id ? null : placement.defaultModel,
  });
}

/** The model of requests that name none. @throws {EngineError} E_MODEL_NOT_FOUND */
export function useModel(placement: Placement, id: string): Placement {
  requireServed(placement, id);
  return changed(placement, { defaultModel: id });
}

/** A second name for a model, or none with null. @throws {EngineError} E_MODEL_NOT_FOUND */
export function setAlias(placement: Placement, alias: string, id: string | null): Placement {
  const { [alias]: _, ...rest } = placement.aliases;
  if (id === null) return changed(placement, { aliases: rest });
  requireServed(placement, id);
  return changed(placement, { aliases: { ...rest, [alias]: id } });
}

/**
 * The version before answers again; of a canary, the version beside it.
 * @throws {EngineError} E_MODEL_NOT_FOUND; E_USAGE when there is none, or it has lost its place.
 */
export function rollBack(placement: Placement, id: string): Placement {
  const now = requireServed(placement, id);
  const target = now.canary === null ? now.previous : now.version;
  if (target === null || findPlaced(placement, id, target) === undefined)
    throw new EngineError(
      'E_USAGE',
      `rollback: ${id} has no earlier version in place. Push it again: thimble push ${id}`,
      { details: { id, previous: now.previous } },
    );
  const previous = now.canary === null ? now.version : null;
  return changed(placement, {
    serving: { ...placement.serving, [id]: { version: target, canary: null, previous } },
  });
}

/** A pool of another size or budget: every model that answers is placed anew, the default one first. */
export function resizePool(
  placement: Placement,
  pool: PoolOptions,
  manifestOf: (model: PlacedModel) => PlacedManifest | null,
  optionsOf: (id: string) => AssignOptions = () => ({}),
): Placement {
  const { defaultModel } = placement;
  const order = [...placement.models].sort(
    (a, b) => Number(b.id === defaultModel) - Number(a.id === defaultModel),
  );
  const empty = { ...placement, ...withoutUndefined(pool), models: [], serving: {} };
  const full = order.reduce<Placement>((next, model) => {
    if (placement.serving[model.id]?.version !== model.version) return next;
    const manifest = manifestOf(model);
    if (manifest === null) return next;
    const options = { nReplica: model.replicas.length, ...optionsOf(model.id) };
    return addModel(next, manifest, model.version, options);
  }, empty);
  return changed(placement, { ...full });
}

function withoutUndefined(pool: PoolOptions): Partial<Placement> {
  return Object.fromEntries(Object.entries(pool).filter(([, value]) => value !== undefined));
}

function requireServed(placement: Placement, id: string): Serving {
  const serving = placement.serving[id];
  if (serving !== undefined) return serving;
  const known = Object.keys(placement.serving);
  throw new EngineError(
    'E_MODEL_NOT_FOUND',
    `model: no model ${JSON.stringify(id)} is served; expected one of: ${known.join(', ') || 'none yet'}. ` +
      'Push it: thimble push ID',
    { param: 'model', details: { models: known } },
  );
}

function changed(placement: Placement, changes: Partial<Placement>): Placement {
  return {
    ...placement,
    ...changes,
    revision: placement.revision + 1,
    createdAt: new Date().toISOString(),
  };
}
