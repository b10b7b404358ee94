/** Everything that the threads of a training run, by name; each thread builds its own from the same configuration. */
import type { TrainingKernels } from '../kernels/wasm/training-module.ts';
import { type AdapterConfig, type AdapterPlan, planAdapter } from './adapter/plan.ts';
import { type AdamwOptions, clearSlopes, N_SCALAR, planUpdate, type Update } from './adamw.ts';
import { type DecoderPlan, type DecoderShape, planDecoder } from './decoder.ts';
import { type PairPlan, type PairShape, planPairs } from './pairs.ts';
import type { Phase } from './phase.ts';
import { planTower, type TowerPlan, type TowerShape } from './tower.ts';
import type { ReadViews } from './views.ts';

interface CrewConfig {
  readonly optimizer: AdamwOptions;
  readonly nThread: number;
}

/** A decoder of which everything is learned. */
export interface DecoderProgramConfig extends CrewConfig {
  readonly shape: DecoderShape;
  /** Sequences of full length that are in memory at a time. */
  readonly nSequence: number;
}

/** An adapter of a stored decoder. */
export interface AdapterProgramConfig extends CrewConfig {
  readonly adapter: AdapterConfig;
}

/** Decoders whose vectors of pairs are learned. */
export interface PairProgramConfig extends CrewConfig {
  readonly pairs: PairShape;
  /** Pairs of an update. */
  readonly nPair: number;
}

/** A tower over an image encoder whose vectors are to be like given ones of texts. */
export interface TowerProgramConfig extends CrewConfig {
  readonly tower: TowerShape;
  /** Pairs of an update. */
  readonly nPair: number;
}

export type ProgramConfig =
  DecoderProgramConfig | AdapterProgramConfig | PairProgramConfig | TowerProgramConfig;
type PlanOf<C extends ProgramConfig> = C extends AdapterProgramConfig
  ? AdapterPlan
  : C extends PairProgramConfig
    ? PairPlan
    : C extends TowerProgramConfig
      ? TowerPlan
      : DecoderPlan;
type AnyPlan = AdapterPlan | PairPlan | TowerPlan | DecoderPlan;

/** `forward` and `back` are the halves of `learn`: what is learned from may be weighed between them. */
export const COMMANDS = ['clear', 'learn', 'evaluate', 'back', 'update'] as const;
export type Command = (typeof COMMANDS)[number];

export interface Program<C extends ProgramConfig = ProgramConfig> {
  readonly plan: PlanOf<C>;
  readonly update: Update;
  readonly phases: Readonly<Record<Command, readonly Phase[]>>;
  /** Address of the scalars of adamw.ts. */
  readonly scalars: number;
  /** Addresses of each thread's own room. */
  readonly rooms: readonly { readonly scratch: number; readonly room: number }[];
  /** Bytes of the memory. */
  readonly nByte: number;
}

function planOf(config: ProgramConfig, views: ReadViews): AnyPlan {
  if ('adapter' in config) return planAdapter(config.adapter, views);
  if ('pairs' in config) return planPairs(config.pairs, config.nPair);
  if ('tower' in config) return planTower(config.tower, config.nPair, views);
  return planDecoder(config.shape, config.nSequence, views);
}

/** @param views what phases see of the memory */
export function buildProgram<C extends ProgramConfig>(
  config: C,
  kernels: Pick<TrainingKernels, 'gemmScratchBytes'>,
  views: ReadViews,
): Program<C> {
  const { optimizer, nThread } = config;
  const plan = planOf(config, views);
  const { arena, weights } = plan.graph;
  const scalars = arena.bytes(N_SCALAR * 8);
  const doubles = (): Float64Array => views().doubles;
  const update = planUpdate(arena, weights, scalars, doubles, optimizer);
  const rooms = Array.from({ length: nThread }, () => ({
    scratch: arena.bytes(kernels.gemmScratchBytes()),
    room: arena.bytes(plan.scratchBytes),
  }));
  const { forward, losses, back } = plan;
  return {
    ...{ plan: plan as PlanOf<C>, update, scalars, rooms, nByte: arena.nByte },
    phases: {
      clear: [clearSlopes(weights)],
      learn: [...forward, ...back],
      evaluate: [...forward, ...losses],
      ...{ back, update: update.phases },
    },
  };
}
