/** A placement in words: where a model lies, what shares, and a table of the pool. */
import type { Manifest } from '../../engine/manifest/manifest.ts';
import { findPlaced } from '../../engine/manifest/placement.ts';
import type { PlacedModel, Placement } from '../../engine/manifest/placement.ts';
import { freeBytes } from '../../engine/placement/assign.ts';
import { JS_HEAP_BYTES } from '../../engine/model/memory/budget.ts';
import { formatBytes } from '../lib/progress.ts';

/** `in isolates 0 to 4, context 2048`; what takes turns with it, too. */
export function describePlace(placement: Placement, model: PlacedModel): string {
  const replicas = model.replicas.map(({ pieces }) =>
    isolateNames(pieces.map(({ isolate }) => isolate)),
  );
  const context = model.nCtx === null ? '' : `, context ${model.nCtx}`;
  const others = sharersOf(placement, model);
  const turns = others.length === 0 ? '' : `, in turn with ${others.join(', ')}: not enough room`;
  return `in ${replicas.join(' and ')}${context}${turns}`;
}

/** `my-model: placed in isolates 0 to 4, context 2048`, or why it is not. */
export function describePlaced(
  placement: Placement,
  { id, kind }: Pick<Manifest, 'id' | 'kind'>,
  version: string,
): string {
  const placed = findPlaced(placement, id, version);
  if (placed === undefined)
    return `${id}: a model of kind ${kind} runs in a script of its own, not in the pool`;
  const canary = placement.serving[id]?.canary;
  const share =
    canary?.version === version ? `, answers ${canary.percent} % of requests (canary)` : '';
  return `${id}: placed ${describePlace(placement, placed)}${share}`;
}

/** `isolate 3`, `isolates 0 to 4`, `isolates 0, 2, 5`. */
export function isolateNames(isolates: readonly number[]): string {
  const sorted = [...isolates].sort((a, b) => a - b);
  const [first = 0] = sorted;
  const last = sorted.at(-1) ?? first;
  if (sorted.length === 1) return `isolate ${first}`;
  const isRun = last - first === sorted.length - 1;
  return `isolates ${isRun ? `${first} to ${last}` : sorted.join(', ')}`;
}

/** Models in isolates of `model` that are too small for all of them at the same time. */
export function sharersOf(placement: Placement, { id, version, replicas }: PlacedModel): string[] {
  const free = freeBytes(placement, placement.models);
  const crowded = new Set(
    replicas.flatMap(({ pieces }) => pieces.map((p) => p.isolate)).filter((i) => free[i]! < 0),
  );
  const others = placement.models.filter(
    (other) =>
      (other.id !== id || other.version !== version) &&
      other.replicas.some(({ pieces }) => pieces.some(({ isolate }) => crowded.has(isolate))),
  );
  return [...new Set(others.map((other) => (other.id === id ? 'its other version' : other.id)))];
}

/** A line for each isolate that holds something: bytes used and free, and what; the empty ones in one line. */
export function describePool(placement: Placement): string[] {
  const { nIsolate, budgetBytes, models } = placement;
  const capacity = budgetBytes - JS_HEAP_BYTES;
  const free = freeBytes(placement, models);
  const isolates = Array.from({ length: nIsolate }, (_, isolate) => isolate);
  const partsOf = (isolate: number) =>
    models.flatMap((model) => partsIn(model, isolate, roleOf(placement, model)));
  const held = isolates.filter((isolate) => partsOf(isolate).length > 0);
  const empty = isolates.filter((isolate) => partsOf(isolate).length === 0);
  const rows = held.map((isolate): [string, string, string] => {
    const used = formatBytes(capacity - free[isolate]!);
    const room =
      free[isolate]! >= 0
        ? `${used} used, ${formatBytes(free[isolate]!)} free`
        : `${used} in turns, ${formatBytes(capacity)} at a time`;
    return [`isolate ${isolate}`, room, partsOf(isolate).join('; ')];
  });
  if (empty.length > 0)
    rows.push([isolateNames(empty), `${formatBytes(capacity)} free`, 'nothing']);
  const widths = [0, 1].map((i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map(
    ([name, room, what]) => `  ${name.padEnd(widths[0]!)}  ${room.padEnd(widths[1]!)}  ${what}`,
  );
}

/** Which of the versions of one model this is: '' where there is no other. */
function roleOf({ models, serving }: Placement, { id, version }: PlacedModel): string {
  if (models.filter((model) => model.id === id).length === 1) return '';
  const { version: served, canary } = serving[id] ?? {};
  if (version === served) return '';
  return version === canary?.version ? ' (canary)' : ' (other version)';
}

function partsIn({ id, replicas }: PlacedModel, isolate: number, role: string): string[] {
  return replicas.flatMap(({ pieces }, copy) => {
    const piece = pieces.find((one) => one.isolate === isolate);
    if (piece === undefined) return [];
    const name = id + role + (replicas.length === 1 ? '' : ` (copy ${copy + 1})`);
    return [pieces.length === 1 ? name : `${name}: ${describeRanges(piece)}`];
  });
}

interface Ranges {
  readonly layers: readonly [number, number];
  readonly rows: readonly [number, number];
}

/** `layers 0-9, rows 0-40959`. */
export function describeRanges({ layers, rows }: Ranges): string {
  const span = (what: string, [from, to]: readonly [number, number]) =>
    from === to ? [] : [`${what} ${from}${to - from === 1 ? '' : `-${to - 1}`}`];
  return [...span('layers', layers), ...span('rows', rows)].join(', ');
}
