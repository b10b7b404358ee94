/**
 * Where a model goes in a pool: into isolates of its own while there are any, else beside others where
 * there is room for both, else in turn with others, which is said (`shares`).
 */
import { EngineError } from '../base/errors.ts';
import { MAX_ISOLATES } from '../manifest/placement.ts';
import type { PlacedModel, PlacedPiece, Placement, Replica } from '../manifest/placement.ts';
import { PAGE_TOKENS } from '../cache/geometry.ts';
import type { DecoderManifest } from '../manifest/manifest.ts';
import { wholeRange } from '../model/decoder/piece.ts';
import { DEFAULT_CTX, servedContext } from '../model/decoder/plan.ts';
import { ISOLATE_BYTES, JS_HEAP_BYTES } from '../model/memory/budget.ts';
import { cutDecoder } from './cut.ts';
import { wholeBytes } from './needs.ts';
import type { PlacedManifest } from './needs.ts';

/**
 * Left free in every isolate: over its limit the platform resets it, and a JavaScript heap grows between
 * collections.
 */
export const ISOLATE_RESERVE_BYTES = 10_000_000;
export const DEFAULT_BUDGET_BYTES: number = ISOLATE_BYTES - ISOLATE_RESERVE_BYTES;
/** Memory of an isolate is given in steps of this size by the advice of refusals. */
const MEMORY_STEP_BYTES = 100_000_000;
/** A text model keeps to one isolate if at least so many tokens of context fit, unless more are asked for. */
const LEAST_DEFAULT_CTX = 1024;

export interface AssignOptions {
  /** Tokens of context; the default, or what fits in one isolate, when not given. */
  readonly nCtx?: number;
  /** How many times it is placed; once by default. */
  readonly nReplica?: number;
}

/**
 * What plans may use of isolates with so much memory each.
 * @throws {EngineError} E_USAGE when nothing is left for a model.
 */
export function budgetOfMemory(memoryBytes: number): number {
  const budgetBytes = memoryBytes - ISOLATE_RESERVE_BYTES;
  if (budgetBytes > JS_HEAP_BYTES) return budgetBytes;
  const least = ISOLATE_RESERVE_BYTES + JS_HEAP_BYTES;
  throw new EngineError(
    'E_USAGE',
    `memory of an isolate: ${memoryBytes} bytes; expected more than ${least}, of which ` +
      `${ISOLATE_RESERVE_BYTES} are left free and ${JS_HEAP_BYTES} are the JavaScript heap. ` +
      'Give more, such as 128MB.',
    { details: { memoryBytes, least } },
  );
}

/** What is left of each isolate of a pool, in bytes; `models` are those that keep their places. */
export function freeBytes(
  { nIsolate, budgetBytes }: Pick<Placement, 'nIsolate' | 'budgetBytes'>,
  models: readonly PlacedModel[],
): number[] {
  const free = new Array<number>(nIsolate).fill(budgetBytes - JS_HEAP_BYTES);
  for (const piece of piecesOf(models)) free[piece.isolate]! -= piece.bytes;
  return free;
}

function piecesOf(models: readonly PlacedModel[]): PlacedPiece[] {
  return models.flatMap(({ replicas }) => replicas.flatMap(({ pieces }) => pieces));
}

/**
 * Places a model beside those of `placement`, which stay where they are.
 * @throws {EngineError} E_MEMORY_BUDGET with the numbers, and the command that makes it fit.
 */
export function assign(
  placement: Placement,
  manifest: PlacedManifest,
  version: string,
  options: AssignOptions = {},
): PlacedModel {
  const nCtx = manifest.kind === 'decoder' ? contextIn(placement, manifest, options) : null;
  const model = { id: manifest.id, version, kind: manifest.kind, nCtx };
  const replicas: Replica[] = [];
  let shares = false;
  for (let i = 0; i < (options.nReplica ?? 1); i++) {
    const own = replicas.flatMap(({ pieces }) => pieces.map(({ isolate }) => isolate));
    const found = placeOnce(placement, new Set(own), manifest, nCtx);
    if (found === null) throw tooSmall(placement, manifest, nCtx, options);
    replicas.push({ pieces: found.pieces });
    shares ||= found.shares;
  }
  return { ...model, replicas, shares };
}

/** Isolates that an empty pool needs for a model; null when no pool suffices. */
export function isolatesNeeded(
  manifest: PlacedManifest,
  budgetBytes: number,
  nCtx: number | null,
): number | null {
  const capacities = new Array<number>(MAX_ISOLATES).fill(budgetBytes - JS_HEAP_BYTES);
  return piecesIn(manifest, capacities, nCtx)?.length ?? null;
}

/** The same with what `plan` takes by default: the platform's isolates, and the context that suits them. */
export function isolatesByDefault(manifest: PlacedManifest): number | null {
  const capacity = DEFAULT_BUDGET_BYTES - JS_HEAP_BYTES;
  const nCtx = manifest.kind === 'decoder' ? contextOf(manifest, capacity, {}) : null;
  return isolatesNeeded(manifest, DEFAULT_BUDGET_BYTES, nCtx);
}

/** Tokens of context that a text model is placed with. */
export function contextOf(
  manifest: DecoderManifest,
  capacity: number,
  { nCtx }: AssignOptions,
): number {
  if (nCtx !== undefined) return servedContext(manifest.config, nCtx);
  const wanted = servedContext(manifest.config, DEFAULT_CTX);
  for (let tokens = wanted; tokens >= LEAST_DEFAULT_CTX; tokens -= PAGE_TOKENS)
    if (wholeBytes(manifest, { nCtx: tokens }) <= capacity) return tokens;
  return wanted;
}

/** The same in a pool that holds others: less than the default is worth it only for a model in one piece. */
function contextIn(
  placement: Placement,
  manifest: DecoderManifest,
  options: AssignOptions,
): number {
  const reduced = contextOf(manifest, placement.budgetBytes - JS_HEAP_BYTES, options);
  const wanted = servedContext(manifest.config, options.nCtx ?? DEFAULT_CTX);
  if (reduced === wanted) return wanted;
  const whole = placeOnce(placement, new Set(), manifest, reduced);
  if (whole?.pieces.length === 1 && !whole.shares) return reduced;
  const cut = placeOnce(placement, new Set(), manifest, wanted);
  return whole === null || cut?.shares === false ? wanted : reduced;
}

interface Found {
  readonly pieces: PlacedPiece[];
  readonly shares: boolean;
}

/** @param own isolates of other copies of the model: two in one would only wait for each other */
function placeOnce(
  placement: Placement,
  own: ReadonlySet<number>,
  manifest: PlacedManifest,
  nCtx: number | null,
): Found | null {
  const { nIsolate, budgetBytes, defaultModel, models: others } = placement;
  const all = Array.from({ length: nIsolate }, (_, i) => i).filter((i) => !own.has(i));
  const free = freeBytes(placement, others);
  const full = budgetBytes - JS_HEAP_BYTES;
  const held = new Set(piecesOf(others).map(({ isolate }) => isolate));
  const ofDefault = others.filter(({ id }) => id === defaultModel);
  const kept = new Set(piecesOf(ofDefault).map(({ isolate }) => isolate));
  const apart = all.filter((i) => !kept.has(i));
  const whole = free.map(() => full);
  const tries = [
    { isolates: all.filter((i) => !held.has(i)), bytes: free, shares: false },
    // The default model had better compute alone.
    { isolates: apart, bytes: free, shares: false },
    { isolates: all, bytes: free, shares: false },
    // In turn with others, as few as possible, and with the default model only if nothing else is left.
    { isolates: emptiest(apart, free), bytes: whole, shares: true },
    { isolates: apart, bytes: whole, shares: true },
    { isolates: emptiest(all, free), bytes: whole, shares: true },
    { isolates: all, bytes: whole, shares: true },
  ];
  for (const { isolates, bytes, shares } of tries) {
    const capacities = isolates.map((i) => bytes[i]!);
    const pieces = piecesIn(manifest, capacities, nCtx);
    if (pieces !== null)
      return {
        pieces: pieces.map((piece) => ({ ...piece, isolate: isolates[piece.isolate]! })),
        shares,
      };
  }
  return null;
}

/** The isolate with the most room, or the least lack of it; none of none. */
function emptiest(isolates: readonly number[], free: readonly number[]): number[] {
  const most = Math.max(...isolates.map((i) => free[i]!));
  return isolates.filter((i) => free[i] === most).slice(0, 1);
}

/** Pieces by index of `capacities`; null when they do not suffice. */
function piecesIn(
  manifest: PlacedManifest,
  capacities: readonly number[],
  nCtx: number | null,
): PlacedPiece[] | null {
  const options = nCtx === null ? {} : { nCtx };
  const bytes = wholeBytes(manifest, options);
  const range =
    manifest.kind === 'decoder' ? wholeRange(manifest.config) : { layers: [0, 0], rows: [0, 0] };
  // The tightest place that is large enough: larger ones stay for larger models.
  const fitting = capacities.filter((capacity) => capacity >= bytes);
  const isolate = capacities.indexOf(Math.min(...fitting));
  if (isolate >= 0) return [{ isolate, bytes, layers: pair(range.layers), rows: pair(range.rows) }];
  if (manifest.kind !== 'decoder') return null;
  const pieces = cutDecoder(manifest, capacities, options);
  return (
    pieces?.map(({ isolate: i, bytes: size, layers, rows }) => ({
      ...{ isolate: i, bytes: size, layers: pair(layers), rows: pair(rows) },
    })) ?? null
  );
}

function pair([from, to]: readonly number[]): [number, number] {
  return [from!, to!];
}

function tooSmall(
  { nIsolate, budgetBytes }: Placement,
  manifest: PlacedManifest,
  nCtx: number | null,
  { nReplica = 1 }: AssignOptions,
): EngineError {
  const needed = isolatesNeeded(manifest, budgetBytes, nCtx);
  const what = `${manifest.id}${nCtx === null ? '' : ` with a context of ${nCtx} tokens`}`;
  const details = { id: manifest.id, nIsolate, budgetBytes, needed, nCtx, nReplica };
  const refuse = (why: string, fix: string) =>
    new EngineError('E_MEMORY_BUDGET', `placement: ${why}. ${fix}`, { details });
  if (needed === null)
    return refuse(
      `no pool of isolates of ${budgetBytes} bytes holds ${what}`,
      `On a machine of your own give it one large isolate: --memory ${memoryFor(manifest, nCtx)}.`,
    );
  const total = needed * nReplica;
  const copies = nReplica === 1 ? '' : ` ${nReplica} times`;
  return refuse(
    `${what}${copies} needs ${total} isolates of ${budgetBytes} bytes, the pool has ${nIsolate}`,
    total <= MAX_ISOLATES
      ? `Give the pool more: --isolates ${total}${lessContext(manifest, details)}.`
      : `A pool has at most ${MAX_ISOLATES}: --isolates ${MAX_ISOLATES} --replicas ${Math.floor(MAX_ISOLATES / needed)}.`,
  );
}

interface RefusedPool {
  readonly nIsolate: number;
  readonly budgetBytes: number;
  readonly nReplica: number;
  readonly nCtx: number | null;
}

/** Advice where the pool would hold the model with the usual context. */
function lessContext(
  manifest: PlacedManifest,
  { nIsolate, budgetBytes, nReplica, nCtx }: RefusedPool,
): string {
  if (nCtx === null || nCtx <= DEFAULT_CTX) return '';
  const needed = isolatesNeeded(manifest, budgetBytes, DEFAULT_CTX);
  if (needed === null || needed * nReplica > nIsolate) return '';
  return `, or ask for less context: --ctx ${DEFAULT_CTX}`;
}

/** Memory with which one isolate holds a model, as options take it: `1.2GB`. */
function memoryFor(manifest: PlacedManifest, nCtx: number | null): string {
  const bytes = wholeBytes(manifest, nCtx === null ? {} : { nCtx });
  const memory = bytes + JS_HEAP_BYTES + ISOLATE_RESERVE_BYTES;
  return `${Math.ceil(memory / MEMORY_STEP_BYTES) / 10}GB`;
}
