/**
 * The engines of one isolate, at module level: several objects may share an isolate, and weights
 * are held once. Makes room by closing unused engines, the longest idle first.
 */
import { EngineError } from '../../engine/base/errors.ts';
import { Engine } from '../../engine/generate/engine.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { DecoderStage } from '../../engine/model/decoder/stage.ts';
import { readManifest, readManifestVersion } from '../platform/model-files.ts';
import { budgetOf, PLAN_ENGINE } from './engines.ts';
import type { EngineByKind, EngineKind, HostEnv, PlanInput, PlannedEngine } from './engines.ts';
import type { ModelPlace, PiecePlace } from './model-place.ts';

interface Slot {
  readonly modelId: string;
  readonly version: string;
  /** What distinguishes engines of one model and version: kind, ranges, context, replica. */
  readonly key: string;
  readonly kind: EngineKind;
  readonly totalBytes: number;
  /** Bytes for adapters among them. */
  readonly adapterBytes: number;
  /** Replaced when the engine is closed, so that nothing keeps its memory. */
  engine: Promise<EngineByKind[EngineKind]>;
  /** The engine once it is loaded, until it is closed. */
  loaded: EngineByKind[EngineKind] | null;
  readonly planned: PlannedEngine<EngineByKind[EngineKind]>;
  /** Number of requests that hold the engine. */
  users: number;
  /** The object in whose requests it runs. */
  owner: object;
  usedAtMs: number;
  /** Whether to close the engine once it is unused: loading failed. */
  retired: boolean;
}

/** How long a client should wait while all engines are in use. */
const BUSY_RETRY_AFTER_S = 2;
/** How long a new version of a model waits for streams of the one before, where there is no room for both. */
const DRAIN_LIMIT_MS = 55_000;
const DRAIN_POLL_MS = 100;
/** A piece between two passes is in use, although nobody holds it. */
const PIECE_IN_USE_MS = 2000;

/** The engine of a slot that was closed: nobody awaits it. */
const GONE = new Promise<never>(() => undefined);

/** Loaded engines, the least recently used first. */
let slots: Slot[] = [];

/** A model's engine, which stays loaded until `release` is called. */
export interface HeldEngine<K extends EngineKind> {
  readonly engine: EngineByKind[K];
  /** @param isOver whether its user will not come back: a piece may then be closed at once */
  release(isOver?: boolean): void;
}

type PlaceOf<K extends EngineKind> = PlanInput<K>['place'];

/** @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND, E_BUSY, E_MEMORY_BUDGET, errors of loading. */
export async function acquireEngine<K extends EngineKind>(
  env: HostEnv,
  kind: K,
  place: PlaceOf<K>,
  owner: object,
): Promise<HeldEngine<K>> {
  const slot = findSlot(kind, place, place.version) ?? (await openSlot(env, kind, place, owner));
  if (slot.owner !== owner) await passOn(slot, owner);
  slot.users++;
  slots = [...slots.filter((other) => other !== slot), slot];
  const release = once((isOver = false) => {
    // Those that held it for an object that is gone were counted out with it.
    if (slot.owner !== owner) return;
    slot.users--;
    slot.usedAtMs = isOver ? -Infinity : Date.now();
    if (slot.users === 0 && slot.retired) closeSlot(slot);
  });
  try {
    // Slots are found by kind.
    return { engine: (await slot.engine) as EngineByKind[K], release };
  } catch (error) {
    // A failed load is not kept: the next request tries again.
    slot.retired = true;
    release();
    throw error;
  }
}

/** A piece that stays loaded as long as nobody needs its room; asking for it counts as a use. */
export class LoadedPiece {
  readonly #slot: Slot;

  constructor(slot: Slot) {
    this.#slot = slot;
  }

  /** Null once it was closed. */
  get stage(): DecoderStage | null {
    this.#slot.usedAtMs = Date.now();
    return this.#slot.loaded as DecoderStage | null;
  }
}

/** @throws {EngineError} as `acquireEngine` */
export async function loadPiece(
  env: HostEnv,
  place: PiecePlace,
  owner: object,
): Promise<LoadedPiece> {
  const held = await acquireEngine(env, 'piece', place, owner);
  const slot = findSlot('piece', place, place.version)!;
  held.release();
  return new LoadedPiece(slot);
}

/**
 * An object was reset while this isolate, and the engine in it, went on: what ran in the old object will
 * never end by itself.
 */
async function passOn(slot: Slot, owner: object): Promise<void> {
  slot.owner = owner;
  slot.users = 0;
  const engine = await slot.engine.catch(() => null);
  if (engine instanceof Engine) engine.reset();
}

export function hostStats(): { modelId: string; users: number; totalBytes: number }[] {
  return slots.map(({ modelId, users, totalBytes }) => ({ modelId, users, totalBytes }));
}

function keyOf(kind: EngineKind, place: ModelPlace): string {
  const { nCtx, pieces, replica, hasAdapters = false } = place;
  return JSON.stringify([
    kind,
    nCtx,
    pieces,
    replica,
    hasAdapters,
    (place as Partial<PiecePlace>).piece ?? null,
  ]);
}

function findSlot(kind: EngineKind, place: ModelPlace, version: string | null): Slot | undefined {
  const key = keyOf(kind, place);
  return slots.find(
    (slot) =>
      slot.modelId === place.id &&
      slot.key === key &&
      !slot.retired &&
      hasRoom(slot, place) &&
      (version === null || slot.version === version),
  );
}

async function openSlot<K extends EngineKind>(
  env: HostEnv,
  kind: K,
  place: PlaceOf<K>,
  owner: object,
): Promise<Slot> {
  const stored =
    place.version === null
      ? await readManifest(env.MODELS, place.id)
      : await readManifestVersion(env.MODELS, place.id, place.version);
  if (stored === null || stored === 'unchanged')
    throw new EngineError(
      'E_MODEL_NOT_FOUND',
      `model: no model ${JSON.stringify(place.id)}. Push it.`,
      {
        param: 'model',
      },
    );
  const manifest = requireKind(stored.manifest, kind === 'piece' ? 'decoder' : kind);
  const holdPiece = (piece: PiecePlace) => acquireEngine(env, 'piece', piece, owner);
  // Throws with the numbers when the model would not fit even alone.
  const planned = await PLAN_ENGINE[kind]({ env, manifest, place, holdPiece } as never);
  const { version } = stored;
  for (const startedAtMs = Date.now(); ; await scheduler.wait(DRAIN_POLL_MS)) {
    // Another request may have opened it while this one read manifests, or waited.
    const opened = findSlot(kind, place, version);
    if (opened !== undefined) return opened;
    retireCramped(kind, place, version);
    try {
      return loadSlot(budgetOf(env), { kind, place, owner, version }, planned);
    } catch (error) {
      // What streams with another version or plan of the same model goes on to its end with it.
      const drains = slots.some(
        (slot) => slot.modelId === place.id && (slot.version !== version || slot.retired),
      );
      if (!drains || Date.now() - startedAtMs > DRAIN_LIMIT_MS) throw error;
    }
  }
}

/** Stages of a model over several plan for adapters by what they have left. */
function hasRoom({ adapterBytes }: Slot, { adapter, eyes, hasAdapters }: ModelPlace): boolean {
  const needed = adapter?.regionBytes ?? eyes?.eyes.regionBytes ?? 0;
  return hasAdapters === true || adapterBytes >= needed;
}

/** An engine without room for an adapter takes no more requests: one that has room takes its place. */
function retireCramped(kind: EngineKind, place: ModelPlace, version: string): void {
  const key = keyOf(kind, place);
  for (const slot of [...slots]) {
    const { modelId } = slot;
    if (modelId !== place.id || slot.key !== key || slot.version !== version) continue;
    if (hasRoom(slot, place)) continue;
    slot.retired = true;
    if (slot.users === 0) closeSlot(slot);
  }
}

interface SlotFacts extends Pick<Slot, 'kind' | 'version' | 'owner'> {
  readonly place: ModelPlace;
}

function loadSlot(
  budgetBytes: number,
  { kind, place, version, owner }: SlotFacts,
  planned: PlannedEngine<EngineByKind[EngineKind]>,
): Slot {
  const { totalBytes, jsHeapBytes, adapterBytes = 0 } = planned;
  makeRoom(place.id, totalBytes, budgetBytes, jsHeapBytes);
  const engine = planned.load();
  const slot: Slot = {
    ...{
      modelId: place.id,
      key: keyOf(kind, place),
      kind,
      version,
      totalBytes,
      adapterBytes,
      planned,
    },
    ...{ engine, loaded: null, users: 0, owner, usedAtMs: Date.now(), retired: false },
  };
  slots.push(slot);
  engine.then(
    (loaded) => (slot.loaded = slots.includes(slot) ? loaded : null),
    () => undefined,
  );
  return slot;
}

/** @throws {EngineError} E_BUSY when the loaded engines are in use and leave no room. */
function makeRoom(
  modelId: string,
  neededBytes: number,
  budgetBytes: number,
  jsHeapBytes: number,
): void {
  // All engines of the isolate share one JavaScript heap.
  const used = (): number =>
    slots.reduce((sum, slot) => sum + slot.totalBytes - jsHeapBytes, neededBytes);
  // Closing a leader gives its own piece free: the list may change meanwhile.
  for (let idle = nextIdle(); used() > budgetBytes && idle !== undefined; idle = nextIdle())
    closeSlot(idle);
  if (used() <= budgetBytes) return;
  const loaded = slots.map((slot) => `${slot.modelId} (${slot.totalBytes} bytes)`).join(', ');
  throw new EngineError(
    'E_BUSY',
    `memory: ${modelId} needs ${neededBytes} of ${budgetBytes} bytes, but ${loaded} is in use. ` +
      'Try again when its generations have ended.',
    { details: { neededBytes, budgetBytes, retryAfterS: BUSY_RETRY_AFTER_S } },
  );
}

/** The engine that nobody has used for longest. */
function nextIdle(): Slot | undefined {
  const nowMs = Date.now();
  return slots.find(
    ({ users, kind, usedAtMs }) =>
      users === 0 && (kind !== 'piece' || nowMs - usedAtMs >= PIECE_IN_USE_MS),
  );
}

function closeSlot(slot: Slot): void {
  slots = slots.filter((other) => other !== slot);
  slot.planned.release?.();
  slot.engine.then(
    (engine) => engine.close(),
    () => undefined,
  );
  slot.engine = GONE;
  slot.loaded = null;
}

function once(run: (isOver?: boolean) => void): (isOver?: boolean) => void {
  let done = false;
  return (isOver) => {
    if (done) return;
    done = true;
    run(isOver);
  };
}
