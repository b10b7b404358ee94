/** Changes of a placement. Pure: each gives a new record, with the next revision. */
import { EngineError } from '../base/errors.ts';
import type { PlacedModel, Placement, Serving } from '../manifest/placement.ts';
import { findPlaced, PLACEMENT_VERSION } from '../manifest/placement.ts';
import { servedContext } from '../model/decoder/plan.ts';
import { JS_HEAP_BYTES } from '../model/memory/budget.ts';
import { assign, contextOf, DEFAULT_BUDGET_BYTES } from './assign.ts';
import type { AssignOptions } from './assign.ts';
import type { PlacedManifest } from './needs.ts';

/** Isolates of a pool when nobody says how many: a model of half a billion weights, and a few beside it. */
export const DEFAULT_ISOLATES = 8;

/** What a second name may be: names of other services' models, too. */
const ALIAS_PATTERN = /^[A-Za-z0-9][\w.:/-]{0,63}$/;

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
 * @throws {EngineError} E_MEMORY_BUDGET as `assign`; E_USAGE for a canary of the version that answers.
 */
export function addModel(
  placement: Placement,
  manifest: PlacedManifest,
  version: string,
  options: AddOptions = {},
): Placement {
  const { id } = manifest;
  const now = placement.serving[id];
  if (options.canaryPercent !== undefined) requireOther(id, now, version);
  const stays = (model: PlacedModel) =>
    model.id !== id || (model.version === now?.version && model.version !== version);
  const others = placement.models.filter(stays);
  const placed = assign({ ...placement, models: others }, manifest, version, options);
  return changed(placement, {
    models: [...others, placed],
    serving: { ...placement.serving, [id]: servingAfter(now, version, options) },
  });
}

function requireOther(id: string, now: Serving | undefined, version: string): void {
  if (now !== undefined && now.version !== version) return;
  const why =
    now === undefined ? 'no version of it answers yet' : `version ${version} answers already`;
  throw new EngineError(
    'E_USAGE',
    `canary: ${id}: ${why}; expected another version beside the one that answers. ` +
      `Push it without a canary: thimble push ${id}`,
    { details: { id, version } },
  );
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

/** The text model of requests that name none. @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND */
export function useModel(placement: Placement, id: string): Placement {
  const { version } = requireServed(placement, id);
  const { kind } = findPlaced(placement, id, version)!;
  if (kind !== 'decoder')
    throw new EngineError(
      'E_MODEL_KIND',
      `model: ${id} is of kind ${kind}; expected a text model as the default.`,
      { param: 'model', details: { id, kind } },
    );
  return changed(placement, { defaultModel: id });
}

/**
 * A second name for a model; null takes the name away.
 * @throws {EngineError} E_MODEL_NOT_FOUND; E_USAGE for a name that cannot be one, or is not there to be removed.
 */
export function setAlias(placement: Placement, alias: string, id: string | null): Placement {
  const refuse = (what: string): never => {
    const shown = JSON.stringify(alias.slice(0, 100));
    throw new EngineError('E_USAGE', `alias: ${shown} ${what}`, { details: { alias } });
  };
  const { [alias]: _, ...rest } = placement.aliases;
  if (id === null) {
    const known = Object.keys(placement.aliases).join(', ') || 'none yet';
    if (!Object.hasOwn(placement.aliases, alias)) refuse(`is no alias; expected one of: ${known}.`);
    return changed(placement, { aliases: rest });
  }
  if (!ALIAS_PATTERN.test(alias))
    refuse(
      'cannot be a name; expected 1 to 64 letters, digits and ._:/-, a letter or digit first.',
    );
  if (Object.hasOwn(placement.serving, alias)) refuse('is a model; expected another name.');
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

export interface ResizeOptions {
  /** Null for a model whose files are gone, which is forgotten. */
  readonly manifestOf: (model: PlacedModel) => PlacedManifest | null;
  readonly optionsOf?: (id: string) => AssignOptions;
  /** Told of a model that does not fit, which is left out; without it that is refused. */
  readonly onRefused?: (id: string, error: EngineError) => void;
}

/**
 * A pool of another size or budget: every model that answers is placed anew, the default one first, then
 * canaries, then earlier versions as far as there is room. A pool that only grows moves nothing.
 * @throws {EngineError} E_MEMORY_BUDGET as `assign`, unless `onRefused` takes it.
 */
export function resizePool(
  placement: Placement,
  pool: PoolOptions,
  options: ResizeOptions,
): Placement {
  const wanted = { ...placement, ...withoutUndefined(pool) };
  const there = placement.models.filter((model) => options.manifestOf(model) !== null);
  const hasAll = there.length === placement.models.length;
  if (hasAll && onlyGrows(placement, wanted)) return changed(placement, wanted);
  const { defaultModel } = placement;
  const rank = (model: PlacedModel): number => {
    const { version, canary } = placement.serving[model.id] ?? { version: null, canary: null };
    if (model.version === version) return model.id === defaultModel ? 0 : 1;
    return model.version === canary?.version ? 2 : 3;
  };
  const order = there.sort((a, b) => rank(a) - rank(b));
  const empty: Placement = { ...wanted, models: [], serving: {} };
  const full = order.reduce(
    (next, model) => placeAgain(placement, next, model, rank(model), options),
    empty,
  );
  return changed(placement, { ...full, ...namesOf(full, there) });
}

function onlyGrows(before: Placement, after: Placement): boolean {
  return (
    before.nIsolate <= after.nIsolate &&
    before.budgetBytes === after.budgetBytes &&
    !before.models.some(({ shares }) => shares)
  );
}

/** Adds one version of a model to the new record; what answers as before, what does not fit as the options say. */
function placeAgain(
  before: Placement,
  next: Placement,
  model: PlacedModel,
  rank: number,
  { manifestOf, optionsOf = () => ({}), onRefused }: ResizeOptions,
): Placement {
  const { id, version, replicas } = model;
  const serving = before.serving[id];
  const isServed = rank < 2;
  // Its served version was left out.
  if (serving === undefined || (!isServed && next.serving[id] === undefined)) return next;
  try {
    const manifest = manifestOf(model)!;
    const kept = { nReplica: replicas.length, ...askedContext(before, model, manifest) };
    const placed = assign(next, manifest, version, { ...kept, ...optionsOf(id) });
    // An earlier version is worth keeping beside the others only, not in turn with them.
    if (rank === 3 && placed.shares) return next;
    const canary = rank === 2 ? serving.canary : (next.serving[id]?.canary ?? null);
    const previous = rank === 3 ? version : (next.serving[id]?.previous ?? null);
    return {
      ...next,
      models: [...next.models, placed],
      serving: { ...next.serving, [id]: { version: serving.version, canary, previous } },
    };
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'E_MEMORY_BUDGET') throw error;
    if (rank === 3) return next;
    if (onRefused === undefined) throw error;
    onRefused(id, error);
    return next;
  }
}

/** A context that somebody asked for; one that followed from the pool follows from the next one. */
export function askedContext(
  { budgetBytes }: Pick<Placement, 'budgetBytes'>,
  { nCtx }: PlacedModel,
  manifest: PlacedManifest,
): AssignOptions {
  if (nCtx === null || manifest.kind !== 'decoder') return {};
  const usual = [
    contextOf(manifest, budgetBytes - JS_HEAP_BYTES, {}),
    servedContext(manifest.config),
  ];
  return usual.includes(nCtx) ? {} : { nCtx };
}

/** The default model and the aliases whose models are still there. */
function namesOf(
  { serving, aliases, defaultModel }: Placement,
  there: readonly PlacedModel[],
): Pick<Placement, 'aliases' | 'defaultModel'> {
  const has = (id: string) => there.some((model) => model.id === id);
  return {
    aliases: Object.fromEntries(Object.entries(aliases).filter(([, id]) => has(id))),
    defaultModel:
      defaultModel !== null && serving[defaultModel] !== undefined ? defaultModel : null,
  };
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
