/** Everything that the threads of a training run, by name; each thread builds its own from the same configuration. */
import type { TrainingKernels } from '../kernels/wasm/training-module.ts';
import { type AdamwOptions, clearSlopes, N_SCALAR, planUpdate, type Update } from './adamw.ts';
import { type DecoderPlan, type DecoderShape, planDecoder } from './decoder.ts';
import type { Phase } from './phase.ts';

export interface ProgramConfig {
  readonly shape: DecoderShape;
  /** Sequences that are in memory at a time. */
  readonly nSequence: number;
  readonly optimizer: AdamwOptions;
  readonly nThread: number;
}

export const COMMANDS = ['clear', 'learn', 'evaluate', 'update'] as const;
export type Command = (typeof COMMANDS)[number];

export interface Program {
  readonly plan: DecoderPlan;
  readonly update: Update;
  readonly phases: Readonly<Record<Command, readonly Phase[]>>;
  /** Address of the scalars of adamw.ts. */
  readonly scalars: number;
  /** Addresses of each thread's own room. */
  readonly rooms: readonly { readonly scratch: number; readonly room: number }[];
  /** Bytes of the memory. */
  readonly nByte: number;
}

/** @param doubles the memory as f64 */
export function buildProgram(
  { shape, nSequence, optimizer, nThread }: ProgramConfig,
  kernels: Pick<TrainingKernels, 'gemmScratchBytes'>,
  doubles: () => Float64Array,
): Program {
  const plan = planDecoder(shape, nSequence);
  const { arena, weights } = plan.graph;
  const scalars = arena.bytes(N_SCALAR * 8);
  const update = planUpdate(arena, weights, scalars, doubles, optimizer);
  const rooms = Array.from({ length: nThread }, () => ({
    scratch: arena.bytes(kernels.gemmScratchBytes()),
    room: arena.bytes(plan.scratchBytes),
  }));
  return {
    ...{ plan, update, scalars, rooms, nByte: arena.nByte },
    phases: {
      clear: [clearSlopes(weights)],
      learn: plan.learn,
      evaluate: plan.evaluate,
      update: update.phases,
    },
  };
}
