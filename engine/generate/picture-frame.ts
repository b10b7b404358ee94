/** What stands in a prompt for a picture that a text model sees through its tower: rows between the markers it was trained with. */
import type { Sight } from '../manifest/sight.ts';
import type { PromptSegment } from './prompt.ts';

type RowsSegment = Extract<PromptSegment, { kind: 'rows' }>;

/** Rows of the squares of one picture. */
export interface PictureRows {
  /** Of tiles, row by row; none where the picture is one square. */
  readonly tiles: readonly (readonly RowsSegment[])[];
  readonly whole: RowsSegment;
}

/** The segments of a picture; tokens that follow each other are one segment. */
export function framedPicture(sight: Sight, { tiles, whole }: PictureRows): PromptSegment[] {
  const out: PromptSegment[] = [];
  let ids: number[] = [];
  const put = (rows: RowsSegment): void => {
    if (ids.length > 0) out.push({ kind: 'tokens', ids });
    ids = [];
    out.push(rows);
  };
  const marks = sight.tiles;
  for (const [row, line] of tiles.entries()) {
    for (const [column, rows] of line.entries()) {
      ids.push(...(marks?.begin[row]?.[column] ?? []));
      put(rows);
    }
    const isLast = row === tiles.length - 1;
    ids.push(...((isLast ? marks?.lastEnd : marks?.rowEnd) ?? []));
  }
  ids.push(...sight.before);
  put(whole);
  ids = [...sight.after];
  return ids.length === 0 ? out : [...out, { kind: 'tokens', ids }];
}

/** Positions that a picture of so many rows and columns of tiles takes, its markers among them. */
export function framedPositions(
  { nRow, before, after, tiles }: Sight,
  nTileRow: number,
  nColumn: number,
): number {
  let sum = nRow + before.length + after.length;
  if (tiles === undefined || nTileRow === 0) return sum;
  for (const line of tiles.begin.slice(0, nTileRow))
    for (const marker of line.slice(0, nColumn)) sum += marker.length + nRow;
  return sum + (nTileRow - 1) * tiles.rowEnd.length + tiles.lastEnd.length;
}

/** Positions of a picture with as many tiles as there can be. */
export function mostPositions(sight: Sight): number {
  const { begin = [] } = sight.tiles ?? {};
  return framedPositions(sight, begin.length, begin[0]?.length ?? 0);
}
