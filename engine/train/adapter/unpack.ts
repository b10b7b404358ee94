/** Stored weights as f32, a layer or a block of the vocabulary at a time, by all threads. */
import { FLOAT_COLS, WEIGHT_DTYPES, type WeightDtype } from '../../base/dtypes.ts';
import type { TrainingKernels } from '../../kernels/wasm/training-module.ts';
import type { RowSlice } from '../../model/memory/loader.ts';
import type { WeightRef } from '../../ops/weights.ts';
import { partOf, type Phase } from '../phase.ts';
import { unpackedStride } from './base.ts';

/** A dequantized matrix: row i is at data + 4 i stride. */
export interface Unpacked {
  readonly data: number;
  readonly nOut: number;
  readonly nIn: number;
  readonly stride: number;
  /** Address of what is added to every result, or 0. */
  readonly bias: number;
}

type RowKernel = keyof TrainingKernels & `row${string}`;
const rowKernel = (dtype: WeightDtype): RowKernel =>
  `row${dtype.charAt(0).toUpperCase()}${dtype.slice(1)}` as RowKernel;

/** Row `row` of a weight as f32 at `out`, where there is room for its whole groups. */
export function unpackRow(
  kernels: TrainingKernels,
  weight: WeightRef,
  row: number,
  out: number,
): void {
  const { dtype, address, rowsAddress, nGroup } = weight;
  kernels[rowKernel(dtype)](address, rowsAddress, row, nGroup, out);
}

/** Values that reading a row of a weight writes. */
export function rowValues({ dtype, nGroup }: WeightRef): number {
  return nGroup * (WEIGHT_DTYPES[dtype].kind === 'float' ? FLOAT_COLS : 32);
}

export const unpackedBytes = (nOut: number, nIn: number): number => nOut * unpackedStride(nIn) * 4;

/** A weight to unpack, and the order of its rows; `storedRow` is the identity where they lie as they are used. */
export interface UnpackJob {
  /** What is added, as it is stored; null for a weight without. */
  readonly bias: WeightRef | null;
  readonly weight: WeightRef;
  readonly into: Unpacked;
  readonly storedRow: (row: number) => number;
}

export function unpackAll(jobs: readonly UnpackJob[]): Phase {
  return (thread) => {
    for (const { weight, bias, into, storedRow } of jobs) {
      const [from, to] = partOf(thread, into.nOut);
      for (let row = from; row < to; row++)
        unpackRow(thread.kernels, weight, storedRow(row), into.data + row * into.stride * 4);
      if (bias === null) continue;
      for (let row = from; row < to; row++)
        thread.kernels.copy(bias.address + storedRow(row) * 4, into.bias + row * 4, 1);
    }
  };
}

/** `n` rows of a matrix that lies in slices. @param rowAt which one is the i-th */
export function unpackRows(
  slices: readonly RowSlice[],
  rowAt: (i: number) => number,
  n: number,
  into: Pick<Unpacked, 'data' | 'stride'>,
): Phase {
  return (thread) => {
    const [from, to] = partOf(thread, n);
    for (let i = from; i < to; i++) {
      const row = rowAt(i);
      const { weight, firstRow } = sliceOf(slices, row);
      unpackRow(thread.kernels, weight, row - firstRow, into.data + i * into.stride * 4);
    }
  };
}

export function sliceOf(slices: readonly RowSlice[], row: number): RowSlice {
  return slices.findLast(({ firstRow }) => firstRow <= row)!;
}

/**
 * The stored row of row `row` of queries or keys in halves, where neighbours are stored together (llama.cpp's order): an
 * adapter's file has the order of halves, as PEFT writes it.
 */
export function rowOfHalves(headDim: number): (row: number) => number {
  const half = headDim / 2;
  return (row) => {
    const [head, i] = [Math.floor(row / headDim), row % headDim];
    return head * headDim + (i < half ? 2 * i : 2 * (i - half) + 1);
  };
}
