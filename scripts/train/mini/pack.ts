/** Examples in passes: as many together, one after the other, as there is room for. */
import type { Batch, BatchVectors } from '../training.ts';
import type { Example, SenseName } from './example.ts';

export interface Packed {
  readonly batch: Batch;
  /** With the first row of each. */
  readonly entries: readonly { readonly example: Example; readonly firstRow: number }[];
}

/** @param nRow room of a pass; no example has more @param next the next example, or null after the last */
export function* packExamples(
  next: () => Example | null,
  nRow: number,
): Generator<Packed, void, void> {
  let group: Example[] = [];
  let used = 0;
  for (let example = next(); example !== null; example = next()) {
    const needed = example.tokens.length;
    if (used + needed > nRow) {
      yield packed(group);
      group = [];
      used = 0;
    }
    group.push(example);
    used += needed;
  }
  if (group.length > 0) yield packed(group);
}

/** One pass of examples while there is room; the one that does not fit is thrown away. */
export function fillPass(next: () => Example, nRow: number): Packed {
  const group: Example[] = [];
  for (let used = 0; ;) {
    const example = next();
    used += example.tokens.length;
    if (used > nRow) return packed(group);
    group.push(example);
  }
}

function packed(examples: readonly Example[]): Packed {
  const nRow = examples.reduce((n, { tokens }) => n + tokens.length, 0);
  const batch = {
    tokens: new Uint32Array(nRow),
    targets: new Uint32Array(nRow),
    weights: new Float32Array(nRow),
  };
  const starts: number[] = [];
  const entries: Packed['entries'][number][] = [];
  let firstRow = 0;
  for (const example of examples) {
    starts.push(firstRow);
    entries.push({ example, firstRow });
    batch.tokens.set(example.tokens, firstRow);
    batch.targets.set(example.targets, firstRow);
    batch.weights.set(example.weights, firstRow);
    firstRow += example.tokens.length;
  }
  starts.push(firstRow);
  const vectors = new Map<string, BatchVectors>();
  for (const sense of ['image', 'audio'] as const) {
    const found = vectorsOf(entries, sense);
    if (found !== null) vectors.set(sense, found);
  }
  return { batch: { ...batch, starts: Uint32Array.from(starts), vectors }, entries };
}

function vectorsOf(entries: Packed['entries'], wanted: SenseName): BatchVectors | null {
  const segments = entries.flatMap(({ example, firstRow }) =>
    example.segments
      .filter(({ sense }) => sense === wanted)
      .map((segment) => ({ ...segment, firstRow: firstRow + segment.firstRow })),
  );
  if (segments.length === 0) return null;
  const n = segments.reduce((sum, segment) => sum + segment.n, 0);
  const values = new Float32Array(segments.reduce((sum, one) => sum + one.values.length, 0));
  const rows = new Uint32Array(n);
  const places = new Uint32Array(n);
  let [at, i] = [0, 0];
  for (const segment of segments) {
    values.set(segment.values, at);
    at += segment.values.length;
    for (let place = 0; place < segment.n; place++, i++) {
      rows[i] = segment.firstRow + place;
      places[i] = place;
    }
  }
  return { values, rows, places };
}
