/** The course of a training, whatever is learned: steps, held-out losses, checkpoints, what is told on the way. */
import { rateAt } from '../../engine/train/schedule.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import type { TrainingConfig } from './config.ts';
import type { TrainingStep } from './result.ts';
import type { Trainer } from './trainer.ts';

/** Of a step of learning, without a configured one: as many as 5 % of the steps, at most 200. */
const WARMUP_PART = 0.05;
const MAX_WARMUP = 200;

export interface Course {
  readonly training: Trainer;
  /** One update. */
  readonly learn: (step: number, rate: number) => { readonly loss: number };
  /** Loss of what was held out; null without any. */
  readonly evaluate: () => number | null;
  readonly nToken: number;
  readonly nFlop: number;
  readonly checkpoint: string;
  readonly fingerprint: string;
}

export interface CourseOptions {
  readonly signal: AbortSignal;
  /** Ends after these minutes; null for all steps. */
  readonly minutes: number | null;
  readonly onStep: (step: TrainingStep) => void;
}

/** How a course goes. */
type Rates = Pick<
  TrainingConfig['training'],
  'steps' | 'rate' | 'schedule' | 'warmupSteps' | 'evaluateEvery' | 'saveEvery'
>;

/** Ends with what was learned in a checkpoint. @throws {EngineError} E_USAGE, E_DISK */
export async function runCourse(
  { training, learn, evaluate, nToken, nFlop, checkpoint, fingerprint }: Course,
  { steps: nStep, rate, schedule: kind, ...rates }: Rates,
  { signal, minutes, onStep }: CourseOptions,
): Promise<{ readonly history: readonly TrainingStep[]; readonly seconds: number }> {
  await readCheckpoint(checkpoint, training, fingerprint);
  const schedule = {
    ...{ rate, nStep },
    nWarmup: rates.warmupSteps ?? Math.min(MAX_WARMUP, Math.round(nStep * WARMUP_PART)),
  };
  let savedStep = training.nStep;
  const save = async (): Promise<void> => {
    await writeCheckpoint(checkpoint, training, fingerprint);
    savedStep = training.nStep;
  };
  const history: TrainingStep[] = [];
  const begin = performance.now();
  const firstStep = training.nStep;
  const isOver = (): boolean =>
    training.nStep >= nStep ||
    signal.aborted ||
    (minutes !== null && performance.now() - begin > minutes * 60_000);
  while (!isOver()) {
    const step = training.nStep;
    const before = performance.now();
    const now = rateAt(kind, step, schedule);
    const { loss } = learn(step, now);
    const seconds = (performance.now() - before) / 1000;
    // A signal is heard between steps.
    await new Promise((resolve) => setImmediate(resolve));
    const done = training.nStep;
    const isLast = isOver();
    const heldOutLoss = isLast || done % rates.evaluateEvery === 0 ? evaluate() : null;
    const sinceFirst = (performance.now() - begin) / 1000 / (done - firstStep);
    const told = {
      ...{ step: done, nStep, loss, heldOutLoss, rate: now },
      ...{ tokensPerSecond: nToken / seconds, gflops: nFlop / seconds / 1e9 },
      secondsLeft: sinceFirst * (nStep - done),
    };
    history.push(told);
    onStep(told);
    if (done % rates.saveEvery === 0) await save();
  }
  if (savedStep !== training.nStep) await save();
  return { history, seconds: (performance.now() - begin) / 1000 };
}
