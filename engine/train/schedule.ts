/** Rates of learning from step to step, a row each. */

export interface ScheduleOptions {
  readonly rate: number;
  readonly nStep: number;
  readonly nWarmup: number;
}

/** Share of the rate at the end of a cosine. */
const FLOOR = 0.05;
/** Share of the steps in which a stable rate decays. */
const DECAY_PART = 0.2;

/** `at` is 0 after the warm-up and 1 at the end. */
const SHAPES = {
  cosine: (at: number): number => FLOOR + (1 - FLOOR) * 0.5 * (1 + Math.cos(Math.PI * at)),
  /** Warm-up, stable, decay (arXiv 2404.06395). */
  wsd: (at: number): number => Math.min(1, (1 - at) / DECAY_PART),
} as const;
export type Schedule = keyof typeof SHAPES;

/** @param step counted from 0 */
export function rateAt(
  schedule: Schedule,
  step: number,
  { rate, nStep, nWarmup }: ScheduleOptions,
): number {
  if (step < nWarmup) return (rate * (step + 1)) / nWarmup;
  const at = (step - nWarmup) / Math.max(1, nStep - nWarmup);
  return rate * SHAPES[schedule](Math.min(1, at));
}
