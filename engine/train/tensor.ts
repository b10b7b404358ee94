/** Matrices of a training: values, and the slopes of the loss by them. */
import type { Arena } from './arena.ts';

export interface Tensor {
  readonly name: string;
  readonly nRow: number;
  readonly nCol: number;
  /** Address of the values, row by row. */
  readonly data: number;
  /** Address of the slopes; null where none are wanted. */
  readonly grad: number | null;
}

export const nValue = ({ nRow, nCol }: Pick<Tensor, 'nRow' | 'nCol'>): number => nRow * nCol;

export function newTensor(
  arena: Arena,
  name: string,
  nRow: number,
  nCol: number,
  hasGrad = true,
): Tensor {
  const data = arena.values(nRow * nCol);
  return { name, nRow, nCol, data, grad: hasGrad ? arena.values(nRow * nCol) : null };
}
