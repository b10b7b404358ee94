/** An adapter's pairs as matrices of a file: the rows of its base moved to where the file has them. */
import type { Adapter, AdapterBase } from './adapter.ts';
import { unsupported } from './adapter.ts';
import { putRows, targetTable } from './targets.ts';
import type { AdapterNaming } from './targets.ts';

export interface WrittenPair {
  /** The weight's name in the file, without `.weight`. */
  readonly module: string;
  /** [rank, nCol] */
  readonly a: Float32Array;
  readonly shapeA: readonly [number, number];
  /** [rows of the file's weight, rank] */
  readonly b: Float32Array;
  readonly shapeB: readonly [number, number];
}

/** @throws {EngineError} E_ADAPTER_UNSUPPORTED for pairs that a file of this family cannot hold */
export function writePairs(
  { pairs, rank }: Adapter,
  base: AdapterBase,
  naming: AdapterNaming,
): WrittenPair[] {
  const written: WrittenPair[] = [];
  let nFound = 0;
  for (const [module, targets] of targetTable(base, naming)) {
    const held = targets.filter(({ name }) => pairs.has(name));
    if (held.length === 0) continue;
    nFound += held.length;
    const [first] = held;
    const { a } = pairs.get(first!.name)!;
    // A file that keeps several weights in one matrix has one A for all of them.
    const isShared = held.every(({ name }) => isEqual(pairs.get(name)!.a, a));
    if (!isShared)
      throw unsupported(
        module,
        'is one matrix of several weights in such files',
        'one A for all of them',
      );
    const { of, shape } = first!;
    const b = new Float32Array(of * rank);
    for (const target of held) putRows(pairs.get(target.name)!.b, target, rank, b);
    written.push({ module, a, shapeA: [rank, shape[1]], b, shapeB: [of, rank] });
  }
  if (nFound === pairs.size) return written;
  throw unsupported('adapter', 'has weights that the base lacks', 'projections of its layers');
}

function isEqual(a: Float32Array, b: Float32Array): boolean {
  return a === b || (a.length === b.length && a.every((x, i) => x === b[i]));
}
