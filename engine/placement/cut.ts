/**
 * A decoder cut into pieces that fit isolates: its layers in order, then its rows of the vocabulary, each
 * isolate as full as the others, so that the slowest of them, which sets the pace, is as fast as can be.
 */
import type { DecoderManifest } from '../manifest/manifest.ts';
import { isEmpty } from '../model/decoder/piece.ts';
import type { PieceRange, Range } from '../model/decoder/piece.ts';
import { leaderBytes, LINK_BYTES, pieceBytes } from './needs.ts';

/** A piece with its planned bytes, those of the leader or of its link to the leader included. */
export interface SizedPiece extends PieceRange {
  /** Index of its isolate among the capacities. */
  readonly isolate: number;
  readonly bytes: number;
}

/** Places where a model may be cut: whole shards are loaded, so no shard may lie on both sides. */
interface Cuts {
  /** Ascending, from 0 to the number of layers. */
  readonly layers: readonly number[];
  /** Ascending, from 0 to the size of the vocabulary. */
  readonly rows: readonly number[];
}

/** Halvings of the search for the smallest even load: to within a thousandth of the budget. */
const SEARCH_STEPS = 10;

/**
 * @param capacities bytes that each isolate has left, in the order in which they are to be filled
 * @returns a piece for each of the first isolates, as many as it takes; null when they do not suffice
 */
export function cutDecoder(
  manifest: DecoderManifest,
  capacities: readonly number[],
  options: { readonly nCtx?: number },
): SizedPiece[] | null {
  const cuts = cutsOf(manifest);
  const fill = (limit: number): SizedPiece[] | null =>
    fillInOrder(
      manifest,
      cuts,
      capacities.map((bytes) => Math.min(bytes, limit)),
      options,
    );
  const most = Math.max(0, ...capacities);
  let best = fill(most);
  if (best === null) return null;
  // As few isolates, but evenly full.
  let [low, high] = [0, most];
  for (let step = 0; step < SEARCH_STEPS; step++) {
    const limit = (low + high) / 2;
    const tried = fill(limit);
    if (tried === null || tried.length > best.length) low = limit;
    else [best, high] = [tried, limit];
  }
  return best;
}

function fillInOrder(
  manifest: DecoderManifest,
  { layers, rows }: Cuts,
  capacities: readonly number[],
  options: { readonly nCtx?: number },
): SizedPiece[] | null {
  // One sequence of cuts: layers first, then rows.
  const cuts = [
    ...layers.map((at) => ({ layer: at, row: 0 })),
    ...rows.slice(1).map((at) => ({ layer: manifest.config.nLayer, row: at })),
  ];
  const pieces: SizedPiece[] = [];
  let at = 0;
  for (const [isolate, capacity] of capacities.entries()) {
    if (at === cuts.length - 1) break;
    const extra = pieces.length === 0 ? leaderBytes(manifest) : LINK_BYTES;
    const piece = largestPiece(manifest, cuts, at, capacity - extra, options);
    // An isolate that is too small for the next part is left out; the leader comes first all the same.
    if (piece === null) continue;
    pieces.push({ ...piece.range, isolate, bytes: piece.bytes + extra });
    at = piece.end;
  }
  return at === cuts.length - 1 ? pieces : null;
}

interface Cut {
  readonly layer: number;
  readonly row: number;
}

/** The most that fits from cut `at` on; null when not even the next part does. */
function largestPiece(
  manifest: DecoderManifest,
  cuts: readonly Cut[],
  at: number,
  capacity: number,
  options: { readonly nCtx?: number },
): { readonly range: PieceRange; readonly bytes: number; readonly end: number } | null {
  const sized = (end: number) => {
    const [from, to] = [cuts[at]!, cuts[end]!];
    const range = { layers: span(from.layer, to.layer), rows: span(from.row, to.row) };
    return { range, bytes: pieceBytes(manifest, range, options), end };
  };
  let best: ReturnType<typeof sized> | null = null;
  let [low, high] = [at + 1, cuts.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const piece = sized(middle);
    if (piece.bytes <= capacity) {
      best = piece;
      low = middle + 1;
    } else high = middle - 1;
  }
  return best;
}

function span(from: number, to: number): Range {
  const range: Range = [from, to];
  return isEmpty(range) ? [0, 0] : range;
}

function cutsOf({ config, shards, tensors }: DecoderManifest): Cuts {
  const crossed = new Set(
    shards.flatMap(({ layers }) =>
      layers === null
        ? []
        : Array.from({ length: layers[1] - layers[0] - 1 }, (_, i) => layers[0] + 1 + i),
    ),
  );
  const layers = Array.from({ length: config.nLayer + 1 }, (_, i) => i).filter(
    (i) => !crossed.has(i),
  );
  const sliced = Map.groupBy(
    tensors.filter(({ firstRow }) => firstRow !== undefined),
    ({ name }) => name,
  );
  // Where every matrix of the vocabulary has a border; one that is whole has none.
  const borders = [...sliced.values()].map((rows) => new Set(rows.map((row) => row.firstRow!)));
  const isSliced = (name: string) => sliced.has(name) || !tensors.some((row) => row.name === name);
  const mayCut = ['tokEmbd', 'head'].every(isSliced);
  const inner = mayCut
    ? [...(borders[0] ?? [])].filter((at) => at > 0 && borders.every((set) => set.has(at)))
    : [];
  return { layers, rows: [0, ...inner.sort((a, b) => a - b), config.nVocab] };
}
