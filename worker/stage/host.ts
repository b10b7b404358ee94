/**
 * The engines of one isolate, at module level: several objects may share an isolate, and weights
 * are held once. Makes room by closing engines that nobody uses, the longest idle first.
 */
import { EngineError } from '../../engine/base/errors.ts';
import { Engine } from '../../engine/generate/engine.ts';
import type { EngineOptions } from '../../engine/generate/engine.ts';
import type { Manifest } from '../../engine/formats/manifest.ts';
import { ISOLATE_BYTES, planMemory } from '../../engine/model/plan.ts';
import relaxed from '../../dist/kernels/relaxed.wasm';
import simd from '../../dist/kernels/simd.wasm';
import { readManifest, type StoredManifest } from '../model-files.ts';
import { readCount } from '../vars.ts';
import { bytesWithDraft, findDraft } from './draft.ts';
import { openTurns } from './turns.ts';
import { R2Source } from './r2-source.ts';

export interface HostEnv {
  readonly MODELS: R2Bucket;
  /** Bytes for WebAssembly memory and JavaScript heap of this isolate. */
  readonly MEMORY_BUDGET_BYTES?: string;
  /** Positions of context; the model's own and the default bound it. */
  readonly CONTEXT_TOKENS?: string;
  /** Id of a model that guesses ahead for models with its tokenizer. */
  readonly DRAFT_MODEL?: string;
}

interface Slot {
  readonly modelId: string;
  readonly version: string;
  readonly totalBytes: number;
  readonly engine: Promise<Engine>;
  /** Generations that hold the engine. */
  users: number;
  /** Closed as soon as nobody uses it: a newer version of the model was pushed. */
  retired: boolean;
}

/** How long a client should wait while all engines are in use. */
const BUSY_RETRY_AFTER_S = 2;

/** In order of last use. */
let slots: Slot[] = [];

/** Runs `use` with a model's engine, which stays loaded meanwhile. */
export async function acquireEngine(
  env: HostEnv,
  modelId: string,
  version: string | null,
): Promise<{ engine: Engine; release: () => void }> {
  const slot = findSlot(modelId, version) ?? (await openSlot(env, modelId));
  slot.users++;
  slots = [...slots.filter((other) => other !== slot), slot];
  const release = once(() => {
    slot.users--;
    if (slot.users === 0 && slot.retired) closeSlot(slot);
  });
  try {
    return { engine: await slot.engine, release };
  } catch (error) {
    // A load that failed is not kept: the next request tries anew.
    slot.retired = true;
    release();
    throw error;
  }
}

export function hostStats(): { modelId: string; users: number; totalBytes: number }[] {
  return slots.map(({ modelId, users, totalBytes }) => ({ modelId, users, totalBytes }));
}

function findSlot(modelId: string, version: string | null): Slot | undefined {
  return slots.find(
    (slot) =>
      slot.modelId === modelId && !slot.retired && (version === null || slot.version === version),
  );
}

async function openSlot(env: HostEnv, modelId: string): Promise<Slot> {
  const stored = await readManifest(env.MODELS, modelId);
  if (stored === null || stored === 'unchanged')
    throw new EngineError('E_MODEL_NOT_FOUND', `model: no model ${JSON.stringify(modelId)}.`, {
      param: 'model',
    });
  const draft = await findDraft(env.MODELS, env.DRAFT_MODEL, stored.manifest);
  // Another request may have opened it while manifests were read.
  const opened = findSlot(modelId, stored.version);
  if (opened !== undefined) return opened;
  for (const slot of slots.filter((old) => old.modelId === modelId)) retire(slot);
  return loadSlot(env, stored, draft);
}

function loadSlot(
  env: HostEnv,
  { manifest, version }: StoredManifest,
  draft: Manifest | null,
): Slot {
  const budgetBytes = readCount(env.MEMORY_BUDGET_BYTES) ?? ISOLATE_BYTES;
  const nCtx = readCount(env.CONTEXT_TOKENS);
  const options = { memoryBudgetBytes: budgetBytes, ...(nCtx === null ? {} : { nCtx }) };
  // Refused with its numbers when it would not fit even alone.
  const plan = planMemory(manifest, options);
  const totalBytes =
    draft === null ? plan.totalBytes : bytesWithDraft(manifest, plan, draft, options);
  makeRoom(manifest.id, totalBytes, budgetBytes, plan.jsHeapBytes);
  const slot: Slot = {
    modelId: manifest.id,
    version,
    totalBytes,
    engine: loadEngine(env, manifest, draft, { ...options, openTurns }),
    users: 0,
    retired: false,
  };
  slots.push(slot);
  return slot;
}

async function loadEngine(
  env: HostEnv,
  manifest: Manifest,
  draft: Manifest | null,
  options: EngineOptions,
): Promise<Engine> {
  const load = (model: Manifest, more: EngineOptions = {}): Promise<Engine> =>
    Engine.load(new R2Source(env.MODELS, model), { relaxed, simd }, { ...options, ...more });
  return draft === null ? load(manifest) : load(manifest, { draft: await load(draft) });
}

/** @throws {EngineError} E_BUSY when what is loaded is in use and there is no room beside it. */
function makeRoom(
  modelId: string,
  neededBytes: number,
  budgetBytes: number,
  jsHeapBytes: number,
): void {
  // One JavaScript heap is shared by all engines of the isolate.
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
