/**
 * The part of a decoder that one isolate holds: a range of layers, a range of the vocabulary's rows
 * (of the embedding and of the head), or both. The whole model is a piece, too.
 */
import { archTensors } from '../../archs/index.ts';
import type { TensorInstance } from '../../archs/index.ts';
import type { Architecture } from '../../archs/types.ts';
import { EngineError } from '../../base/errors.ts';
import type { DecoderManifest, ModelConfig, TensorRow } from '../../manifest/manifest.ts';

/** From the first to before the second; empty when they are equal. */
export type Range = readonly [from: number, to: number];

export interface PieceRange {
  readonly layers: Range;
  /** Rows of the vocabulary. */
  readonly rows: Range;
}

/** A piece with the shards that hold it, by their index in the manifest. */
export interface Piece extends PieceRange {
  readonly shards: readonly number[];
}

export function wholeRange({ nLayer, nVocab }: Pick<ModelConfig, 'nLayer' | 'nVocab'>): PieceRange {
  return { layers: [0, nLayer], rows: [0, nVocab] };
}

export function isEmpty([from, to]: Range): boolean {
  return from === to;
}

export function isWhole(config: ModelConfig, { layers, rows }: PieceRange): boolean {
  const whole = wholeRange(config);
  return String([layers, rows]) === String([whole.layers, whole.rows]);
}

/** Every tensor such a piece has or may have; matrices of the vocabulary with all of their rows. */
export function pieceTensors(
  arch: Architecture,
  config: ModelConfig,
  { layers, rows }: PieceRange,
): TensorInstance[] {
  return archTensors(arch, config).filter(({ layer }) =>
    layer === null ? !isEmpty(rows) : layers[0] <= layer && layer < layers[1],
  );
}

/**
 * The shards a piece needs.
 * @throws {EngineError} E_PLACEMENT_INVALID for rows that end in the middle of a slice, and for ranges
 *   that the model does not have.
 */
export function pieceOf(
  manifest: Pick<DecoderManifest, 'id' | 'config' | 'tensors'>,
  range: PieceRange,
): Piece {
  const { id, config, tensors } = manifest;
  const whole = wholeRange(config);
  checkRange(id, 'layers', range.layers, whole.layers);
  checkRange(id, 'rows', range.rows, whole.rows);
  const shards = new Set<number>();
  for (const row of tensors) if (isHeld(id, row, range)) shards.add(row.shard);
  return { ...range, shards: [...shards].sort((a, b) => a - b) };
}

function isHeld(id: string, { name, firstRow, shape }: TensorRow, range: PieceRange): boolean {
  const layer = /^layers\.(\d+)\./.exec(name)?.[1];
  if (layer !== undefined)
    return range.layers[0] <= Number(layer) && Number(layer) < range.layers[1];
  const [from, to] = range.rows;
  if (firstRow === undefined) return from < to;
  const end = firstRow + shape[0];
  if (from <= firstRow && end <= to) return true;
  if (end <= from || to <= firstRow) return false;
  throw new EngineError(
    'E_PLACEMENT_INVALID',
    `placement: rows ${from} to ${to} of ${id} cut a slice of ${name}, which has rows ${firstRow} to ${end}. ` +
      `Plan it again: thimble plan ${id}`,
    { details: { id, name, rows: range.rows, slice: [firstRow, end] } },
  );
}

function checkRange(id: string, what: string, [from, to]: Range, [, end]: Range): void {
  if (Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= end)
    return;
  throw new EngineError(
    'E_PLACEMENT_INVALID',
    `placement: ${what} ${from} to ${to} of ${id}; expected a range within 0 to ${end}. ` +
      `Plan it again: thimble plan ${id}`,
    { details: { id, [what]: [from, to], end } },
  );
}
