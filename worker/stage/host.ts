/**
 * The engines of one isolate, at module level: several objects may share an isolate, and weights
 * are held once. Makes room by closing unused engines, the longest idle first.
 */
import { EngineError } from '../../engine/base/errors.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import { readManifest } from '../platform/model-files.ts';
import { budgetOf, PLAN_ENGINE } from './engines.ts';
import type { EngineByKind, EngineKind, HostEnv, PlannedEngine } from './engines.ts';

interface Slot {
  readonly modelId: string;
  readonly version: string;
  readonly totalBytes: number;
  readonly kind: EngineKind;
  readonly engine: Promise<EngineByKind[EngineKind]>;
  /** Number of requests that hold the engine. */
  users: number;
  /** Whether to close the engine once it is unused: a newer version was pushed, or loading failed. */
  retired: boolean;
}

/** How long a client should wait while all engines are in use. */
const BUSY_RETRY_AFTER_S = 2;

/** Loaded engines, the least recently used first. */
let slots: Slot[] = [];

/** A model's engine, which stays loaded until `release` is called. */
export interface HeldEngine<K extends EngineKind> {
  readonly engine: EngineByKind[K];
  release(): void;
}

/** @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND, E_BUSY, E_MEMORY_BUDGET, errors of loading. */
export async function acquireEngine<K extends EngineKind>(
  env: HostEnv,
  kind: K,
  modelId: string,
  version: string | null,
): Promise<HeldEngine<K>> {
  const slot = findSlot(kind, modelId, version) ?? (await openSlot(env, kind, modelId));
  slot.users++;
  slots = [...slots.filter((other) => other !== slot), slot];
  const release = once(() => {
    slot.users--;
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

export function hostStats(): { modelId: string; users: number; totalBytes: number }[] {
  return slots.map(({ modelId, users, totalBytes }) => ({ modelId, users, totalBytes }));
}

function findSlot(kind: EngineKind, modelId: string, version: string | null): Slot | undefined {
  return slots.find(
    (slot) =>
      slot.kind === kind &&
      slot.modelId === modelId &&
      !slot.retired &&
      (version === null || slot.version === version),
  );
}

async function openSlot<K extends EngineKind>(
  env: HostEnv,
  kind: K,
  modelId: string,
): Promise<Slot> {
  const stored = await readManifest(env.MODELS, modelId);
  if (stored === null || stored === 'unchanged')
    throw new EngineError(
      'E_MODEL_NOT_FOUND',
      `model: no model ${JSON.stringify(modelId)}. Push it.`,
      {
        param: 'model',
      },
    );
  const manifest = requireKind(stored.manifest, kind);
  // Throws with the numbers when the model would not fit even alone.
  const planned = await PLAN_ENGINE[kind](env, manifest);
  // Another request may have opened it while this one read manifests.
  const opened = findSlot(kind, modelId, stored.version);
  if (opened !== undefined) return opened;
  for (const slot of slots.filter((old) => old.modelId === modelId)) retire(slot);
  return loadSlot(budgetOf(env), { modelId, kind, version: stored.version }, planned);
}

function loadSlot(
  budgetBytes: number,
  model: Pick<Slot, 'modelId' | 'kind' | 'version'>,
  planned: PlannedEngine<EngineByKind[EngineKind]>,
): Slot {
  const { totalBytes, jsHeapBytes } = planned;
  makeRoom(model.modelId, totalBytes, budgetBytes, jsHeapBytes);
  const slot: Slot = { ...model, totalBytes, engine: planned.load(), users: 0, retired: false };
  slots.push(slot);
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
  for (const slot of [...slots]) {
    if (used() <= budgetBytes) return;
    if (slot.users === 0) closeSlot(slot);
  }
  if (used() <= budgetBytes) return;
  const loaded = slots.map((slot) => `${slot.modelId} (${slot.totalBytes} bytes)`).join(', ');
  throw new EngineError(
    'E_BUSY',
    `memory: ${modelId} needs ${neededBytes} of ${budgetBytes} bytes, but ${loaded} is in use. ` +
      'Try again when its generations have ended.',
    { details: { neededBytes, budgetBytes, retryAfterS: BUSY_RETRY_AFTER_S } },
  );
}

function retire(slot: Slot): void {
  slot.retired = true;
  if (slot.users === 0) closeSlot(slot);
}

function closeSlot(slot: Slot): void {
  slots = slots.filter((other) => other !== slot);
  slot.engine.then(
    (engine) => engine.close(),
    () => undefined,
  );
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    run();
  };
}
