/** Adapters of a stage: how much room a text model gets for them, and where they come from. */
import { roundUp } from '../../engine/base/dtypes.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { PAGE_TOKENS } from '../../engine/cache/geometry.ts';
import { WASM_PAGE_BYTES } from '../../engine/kernels/wasm/module.ts';
import type { AdapterSource } from '../../engine/model/decoder/contract.ts';
import type { MemoryPlan } from '../../engine/model/decoder/plan.ts';
import type { EyesSource } from '../../engine/model/vision/projector.ts';
import { readAdapters, readAdapterTensors, readEyesTensors } from '../platform/adapter-files.ts';
import type { AdapterFile, EyesFile } from '../platform/adapter-files.ts';
import { readCount } from '../platform/vars.ts';

/** Room for adapters by default, of models that have any. */
const DEFAULT_ADAPTER_BYTES = 24 * 1024 * 1024;
/** The part of a context that adapters leave, where there is no other room. */
const KEPT_CONTEXT = 1 / 2;
/** What a plan with adapters takes beside them: rows of products, and the end of the memory's last page. */
const PLAN_BYTES = 2 * WASM_PAGE_BYTES;

export interface AdapterEnv {
  readonly MODELS: R2Bucket;
  /** Bytes for adapters of a text model; the default when empty. */
  readonly ADAPTER_BYTES?: string;
}

export interface AdapterRoom {
  readonly adapterBytes: number;
  /** Context that is left. */
  readonly nCtx: number;
}

/**
 * Room for a model's adapters: as much as all in the bucket take, up to the setting. It comes from what the isolate
 * has left, and then from the context.
 * @param plain plan of the model without adapters
 * @param spareBytes what the isolate has left
 * @param needed the adapter that is asked for, which must fit
 * @throws {EngineError} E_MEMORY_BUDGET with the numbers when it does not
 */
export async function adapterRoom(
  env: AdapterEnv,
  base: string,
  plain: Pick<MemoryPlan, 'nCtx' | 'nPage' | 'kv'>,
  spareBytes: number,
  needed: AdapterFile | undefined,
): Promise<AdapterRoom> {
  const { nCtx, nPage, kv } = plain;
  const sizes = (await readAdapters(env.MODELS, base)).map(({ regionBytes }) => regionBytes);
  const neededBytes = needed?.regionBytes ?? 0;
  if (sizes.length === 0 && neededBytes === 0) return { adapterBytes: 0, nCtx };
  const all = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const most = readCount(env.ADAPTER_BYTES) ?? DEFAULT_ADAPTER_BYTES;
  // The largest fits in any case, if there is room at all.
  const wanted = Math.max(Math.min(all, most), neededBytes, ...sizes);
  const missing = Math.max(0, wanted + PLAN_BYTES - spareBytes);
  const mostPages = Math.floor(nPage * (1 - KEPT_CONTEXT));
  const nPageLess = Math.min(Math.ceil(missing / kv.pageBytes), mostPages);
  const room = Math.max(0, spareBytes + nPageLess * kv.pageBytes - PLAN_BYTES);
  if (room < neededBytes) throw noRoom(base, neededBytes, room);
  return {
    adapterBytes: Math.min(room, roundUp(wanted, WASM_PAGE_BYTES)),
    nCtx: Math.min(nCtx, (nPage - nPageLess) * PAGE_TOKENS),
  };
}

/**
 * The same for a piece of a model over several isolates, whose context is that of the other pieces: only what the
 * isolate has left. Adapters that are added later find it.
 */
export function pieceAdapterBytes({ ADAPTER_BYTES }: AdapterEnv, spareBytes: number): number {
  const most = readCount(ADAPTER_BYTES) ?? DEFAULT_ADAPTER_BYTES;
  const free = Math.max(0, spareBytes - PLAN_BYTES);
  return Math.floor(Math.min(most, free) / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
}

function noRoom(base: string, needed: number, room: number): EngineError {
  return new EngineError(
    'E_MEMORY_BUDGET',
    `adapter: needs ${needed} bytes; beside ${base} and half of its context there are ${room}. Place the model ` +
      `with less context (thimble push ${base} --ctx N), or train an adapter of a smaller rank or for fewer weights.`,
    { details: { needed, room } },
  );
}

export function eyesSource({ MODELS }: AdapterEnv, file: EyesFile): EyesSource {
  const { id, eyes } = file;
  return { id, regionBytes: eyes.regionBytes, load: () => readEyesTensors(MODELS, file) };
}

export function adapterSource({ MODELS }: AdapterEnv, file: AdapterFile): AdapterSource {
  return { id: file.id, file, load: (layers) => readAdapterTensors(MODELS, file, layers) };
}
