/** Matrices of a training: values, and the slopes of the loss by them. */
import type { Arena } from './arena.ts';

export interface Tensor {
  readonly name: string;
  readonly nRow: number;
  readonly nCol: number;
  /** Address of the values, row by row. */
  readonly data: number;
  /** Address of the slopes; null where none are wanted, and for results until the way back is planned. */
  readonly grad: number | null;
  /** Whether the loss's slopes by it are wanted. */
  readonly hasSlopes: boolean;
}

export const nValue = ({ nRow, nCol }: Pick<Tensor, 'nRow' | 'nCol'>): number => nRow * nCol;

export function newTensor(arena: Arena, name: string, nRow: number, nCol: number): Tensor {
  const data = arena.values(nRow * nCol);
  return { name, nRow, nCol, data, grad: arena.values(nRow * nCol), hasSlopes: true };
}

/** Values that are never learned, as f32 at an address that something else fills. */
export function fixedTensor(name: string, nRow: number, nCol: number, data: number): Tensor {
  return { name, nRow, nCol, data, grad: null, hasSlopes: false };
}
