/**
 * A network as the operations that it is made of, in order, and their ways back. Built once for a number of rows; a step
 * runs the same phases over the same addresses.
 */
import { Arena } from './arena.ts';
import type { Phase } from './phase.ts';
import { newTensor, type Tensor } from './tensor.ts';

/** An operation: what it computes, and how slopes go back through it. */
export interface Operation {
  readonly forward: readonly Phase[];
  /** Called once, after all that uses its results: `addTo` says whether slopes add to others. */
  backward(addTo: AddTo): readonly Phase[];
  /** Multiplications and additions forwards; the way back of a product costs twice as many. */
  readonly nFlop: number;
}

/** Whether a tensor's slopes have a first part already; asking makes the caller's part one. */
export type AddTo = (tensor: Tensor) => 0 | 1;

export class Graph {
  readonly arena = new Arena();
  readonly #operations: Operation[] = [];
  readonly #weights: Tensor[] = [];

  /** A tensor that is learned; its slopes are summed over all its uses. */
  weight(name: string, nRow: number, nCol: number): Tensor {
    const tensor = newTensor(this.arena, name, nRow, nCol);
    this.#weights.push(tensor);
    return tensor;
  }

  /** A result of an operation. */
  result(name: string, nRow: number, nCol: number): Tensor {
    return newTensor(this.arena, name, nRow, nCol);
  }

  add(operation: Operation): void {
    this.#operations.push(operation);
  }

  get weights(): readonly Tensor[] {
    return this.#weights;
  }

  /** Of a step forwards and backwards. */
  get nFlop(): number {
    return 3 * this.#operations.reduce((sum, { nFlop }) => sum + nFlop, 0);
  }

  forward(): Phase[] {
    return this.#operations.flatMap(({ forward }) => forward);
  }

  /** Slopes of weights begin at what is there, those of results are made new. */
  backward(): Phase[] {
    const begun = new Set<Tensor>(this.#weights);
    const addTo: AddTo = (tensor) => {
      if (begun.has(tensor)) return 1;
      begun.add(tensor);
      return 0;
    };
    return this.#operations.toReversed().flatMap((operation) => operation.backward(addTo));
  }
}
