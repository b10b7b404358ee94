/**
 * A network as the operations that it is made of, in order, and their ways back. Built once for a number of rows; a step
 * runs the same phases over the same addresses.
 */
import { Arena } from './arena.ts';
import type { Phase } from './phase.ts';
import { Pool } from './pool.ts';
import type { RowLayout } from './row-layout.ts';
import { newTensor, nValue, type Tensor } from './tensor.ts';

/** An operation: what it computes, and how slopes go back through it. */
export interface Operation {
  /** What it makes; null for one that makes nothing of its own. */
  readonly result: Tensor | null;
  readonly forward: readonly Phase[];
  /** Called once, after all that uses its results: `addTo` says whether slopes add to others. */
  backward(addTo: AddTo): readonly Phase[];
  /** Multiplications and additions forwards; the way back of a product costs twice as many. */
  readonly nFlop: number;
}

/** Whether a tensor's slopes have a first part already; asking makes the caller's part one. */
export type AddTo = (tensor: Tensor) => 0 | 1;

type Result = { -readonly [K in keyof Tensor]: Tensor[K] };

export class Graph {
  readonly arena: Arena;
  readonly rows: RowLayout;
  readonly #operations: Operation[] = [];
  readonly #weights: Tensor[] = [];
  /** Results whose slopes are planned, or were given back. */
  readonly #begun = new Set<Tensor>();
  /** Values and slopes are apart: those of the way back never take the place of what it reads. */
  readonly #values: Pool;
  readonly #slopes: Pool;

  constructor(rows: RowLayout, arena = new Arena()) {
    this.rows = rows;
    this.arena = arena;
    this.#values = new Pool(arena);
    this.#slopes = new Pool(arena);
  }

  /** A tensor that is learned; its slopes are summed over all its uses. */
  weight(name: string, nRow: number, nCol: number): Tensor {
    const tensor = newTensor(this.arena, name, nRow, nCol);
    this.#weights.push(tensor);
    return tensor;
  }

  /** A result of an operation. @param hasSlopes false where nothing before it is learned */
  result(name: string, nRow: number, nCol: number, hasSlopes = true): Tensor {
    const data = this.#values.take(nRow * nCol);
    const result: Result = { name, nRow, nCol, data, grad: null, hasSlopes };
    return result;
  }

  /** The values of a result are not read any more, neither forwards nor on the way back. */
  release({ data, nRow, nCol }: Tensor): void {
    this.#values.give(nRow * nCol, data);
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

  /** The address of a result's slopes, for a loss that makes them, or an operation that alone does. */
  slopesOf(tensor: Tensor): number {
    this.#addTo(tensor);
    return tensor.grad!;
  }

  /** Slopes of weights begin at what is there, those of results are made new. */
  backward(): Phase[] {
    const addTo: AddTo = (tensor) => this.#addTo(tensor);
    return this.#operations.toReversed().flatMap((operation, i) => {
      const phases = operation.backward(addTo);
      const { result } = operation;
      // An operation before this one may have made the same result, which this one changed in place.
      const isChanged = this.#operations
        .slice(0, this.#operations.length - 1 - i)
        .some((other) => other.result === result);
      if (result !== null && !isChanged && result.grad !== null && !this.#weights.includes(result))
        this.#slopes.give(nValue(result), result.grad);
      return phases;
    });
  }

  #addTo(tensor: Tensor): 0 | 1 {
    if (this.#weights.includes(tensor) || this.#begun.has(tensor)) return 1;
    this.#begun.add(tensor);
    (tensor as Result).grad = this.#slopes.take(nValue(tensor));
    return 0;
  }
}
