/**
 * The ONNX models of one isolate, at module level: several objects may share an isolate. Models stay
 * loaded as long as their plans fit together; the longest idle goes first.
 *
 * onnxruntime's memory never shrinks. What an evicted model frees is used by the next one inside
 * the same memory, but the isolate keeps its largest size; hence the plan adds what is loaded and the
 * largest run, and the memory is capped at the budget. When a load still finds no room (in fragmented
 * memory), all models are dropped and the next runtime begins with a new memory.
 */
import { EngineError } from '../../engine/base/errors.ts';
import type { OnnxManifest } from '../../engine/manifest/manifest.ts';
import createOrt from '../../dist/ort/create-ort.mjs';
import ortModule from '../../dist/fuel/ort.wasm';
import { readCount } from '../platform/vars.ts';
import { loadOnnxModel } from './load-model.ts';
import type { OnnxModel } from './load-model.ts';
import { MAX_STEPS, OrtRuntime } from './ort-runtime.ts';
import { ISOLATE_BYTES, JS_HEAP_BYTES, plannedBytes } from './plan.ts';
import { readOnnxFile, readOnnxManifest } from './r2-files.ts';

export interface OnnxHostEnv {
  readonly MODELS: R2Bucket;
  /** Bytes for WebAssembly memory and JavaScript heap of this isolate. */
  readonly MEMORY_BUDGET_BYTES?: string;
  /** Steps that a load or a run may take; empty for what the runtime allows by default. */
  readonly MAX_STEPS?: string;
}

interface Slot {
  readonly id: string;
  readonly version: string;
  readonly plan: OnnxManifest['memory'];
  readonly model: Promise<OnnxModel>;
  users: number;
}

const BUSY_RETRY_AFTER_S = 2;

/** Loaded models, the least recently used first. */
let slots: Slot[] = [];
let runtime: OrtRuntime | null = null;
/** Loads run one after the other, so that each plans with what is loaded. */
let lastLoad: Promise<unknown> = Promise.resolve();

/** The result of `use`, which runs while the model is held. @throws {EngineError} */
export async function withModel<T>(
  env: OnnxHostEnv,
  id: string,
  use: (model: OnnxModel) => Promise<T>,
): Promise<T> {
  const { model, release } = await acquireModel(env, id);
  try {
    return await use(model);
  } finally {
    release();
  }
}

/** A model that stays loaded until `release` is called. @throws {EngineError} */
export async function acquireModel(
  env: OnnxHostEnv,
  id: string,
): Promise<{ model: OnnxModel; release: () => void }> {
  const slot = await holdSlot(env, id);
  let isHeld = true;
  const release = () => {
    if (!isHeld) return;
    isHeld = false;
    slot.users--;
    if (slot.users === 0 && !slots.includes(slot)) void releaseModel(slot);
  };
  try {
    return { model: await slot.model, release };
  } catch (error) {
    // A failed load is not kept: the next request tries again.
    slots = slots.filter((other) => other !== slot);
    release();
    throw error;
  }
}

export interface OnnxHostStats {
  readonly memoryBytes: number;
  readonly loaded: readonly { readonly id: string; readonly users: number }[];
}

export function onnxHostStats(): OnnxHostStats {
  return {
    memoryBytes: runtime?.memoryBytes ?? 0,
    loaded: slots.map(({ id, users }) => ({ id, users })),
  };
}

/** Counts the slot as used before anything else can run, so that no other load evicts it. */
async function holdSlot(env: OnnxHostEnv, id: string): Promise<Slot> {
  forgetBroken();
  const known = slots.find((slot) => slot.id === id);
  const stored = await readOnnxManifest(env.MODELS, id, known?.version);
  if (stored === 'unchanged' && known !== undefined && slots.includes(known)) return hold(known);
  const turn = lastLoad.then(async () => {
    const fresh = stored === 'unchanged' ? await readOnnxManifest(env.MODELS, id) : stored;
    if (fresh === 'unchanged')
      throw new RangeError('readManifest said "unchanged" without a known version');
    const loaded = slots.find((slot) => slot.id === id);
    if (loaded?.version === fresh.version) return hold(loaded);
    if (loaded !== undefined) await drop(loaded);
    return hold(await load(env, fresh.manifest, fresh.version));
  });
  lastLoad = turn.catch(() => undefined);
  return await turn;
}

/** What a run without an end leaves is of no use; who waits for it is told to try again. */
function forgetBroken(): void {
  if (runtime?.isBroken !== true) return;
  runtime = null;
  slots = [];
}

function hold(slot: Slot): Slot {
  slot.users++;
  slots = [...slots.filter((other) => other !== slot), slot];
  return slot;
}

async function load(env: OnnxHostEnv, manifest: OnnxManifest, version: string): Promise<Slot> {
  const budgetBytes = readCount(env.MEMORY_BUDGET_BYTES) ?? ISOLATE_BYTES;
  await makeRoom(manifest, budgetBytes);
  const wasmBytes = budgetBytes - JS_HEAP_BYTES;
  const attempt = async () => {
    runtime ??= new OrtRuntime(
      createOrt,
      ortModule,
      wasmBytes,
      readCount(env.MAX_STEPS) ?? MAX_STEPS,
    );
    return await loadOnnxModel(runtime, manifest, (file) =>
      readOnnxFile(env.MODELS, manifest, file),
    );
  };
  const model = attempt().catch(async (error: unknown) => {
    const isInPieces = error instanceof EngineError && error.code === 'E_MEMORY_BUDGET';
    if (!isInPieces || slots.some(({ users, id }) => users > 0 && id !== manifest.id)) throw error;
    for (const other of slots.filter(({ id }) => id !== manifest.id)) await drop(other);
    runtime = null;
    return await attempt();
  });
  // The caller handles a failure.
  await model.catch(() => undefined);
  return { id: manifest.id, version, plan: manifest.memory, model, users: 0 };
}

/** @throws {EngineError} E_MEMORY_BUDGET when it does not fit alone, E_BUSY when others are in use. */
async function makeRoom({ id, memory }: OnnxManifest, budgetBytes: number): Promise<void> {
  const alone = plannedBytes([memory]);
  if (alone > budgetBytes)
    throw new EngineError(
      'E_MEMORY_BUDGET',
      `memory: ${id} needs ${alone} bytes (${memory.loadedBytes} loaded, ${memory.peakBytes} at its peak, ` +
        `${JS_HEAP_BYTES} for JavaScript), but the isolate has ${budgetBytes}. Import it with smaller maxima (--dim) or in a smaller type.`,
      { details: { neededBytes: alone, budgetBytes } },
    );
  const needed = () => plannedBytes([...slots.map(({ plan }) => plan), memory]);
  for (const slot of [...slots]) {
    if (needed() <= budgetBytes) return;
    if (slot.users === 0) await drop(slot);
  }
  if (needed() <= budgetBytes) return;
  const busy = slots.map((slot) => slot.id).join(', ');
  throw new EngineError(
    'E_BUSY',
    `memory: ${id} needs ${needed()} of ${budgetBytes} bytes, but these models are in use: ${busy}. Try again when they are done.`,
    { details: { neededBytes: needed(), budgetBytes, retryAfterS: BUSY_RETRY_AFTER_S } },
  );
}

/** Current users keep it; the last one releases it. */
async function drop(slot: Slot): Promise<void> {
  slots = slots.filter((other) => other !== slot);
  if (slot.users === 0) await releaseModel(slot);
}

async function releaseModel(slot: Slot): Promise<void> {
  const model = await slot.model.catch(() => null);
  await model?.release();
}
