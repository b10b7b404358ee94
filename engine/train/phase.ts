/** A part of a step that all threads do together; the next begins when all have ended it. */
import type { TrainingKernels } from '../kernels/wasm/training-module.ts';

export interface ThreadContext {
  readonly kernels: TrainingKernels;
  readonly index: number;
  readonly nThread: number;
  /** Address of what products need. */
  readonly scratch: number;
  /** Address of further room of the thread's own (`scratchBytes` of a plan). */
  readonly room: number;
}

export type Phase = (thread: ThreadContext) => void;

/** The thread's part of `n` things, in whole groups of `unit`: [from, to). */
export function partOf(
  { index, nThread }: Pick<ThreadContext, 'index' | 'nThread'>,
  n: number,
  unit = 1,
): readonly [from: number, to: number] {
  const nUnit = Math.ceil(n / unit);
  const at = (i: number): number => Math.min(n, Math.floor((nUnit * i) / nThread) * unit);
  return [at(index), at(index + 1)];
}
