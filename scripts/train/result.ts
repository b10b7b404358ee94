/** What a training tells of itself: each step, and the end. */

export interface TrainingStep {
  readonly step: number;
  readonly nStep: number;
  readonly loss: number;
  readonly heldOutLoss: number | null;
  readonly rate: number;
  readonly tokensPerSecond: number;
  readonly gflops: number;
  readonly secondsLeft: number;
}

export interface RunResult {
  readonly steps: number;
  readonly nWeight: number;
  readonly loss: number;
  readonly heldOutLoss: number | null;
  readonly tokens: number;
  readonly seconds: number;
  readonly modelFolder: string;
  readonly reportFile: string;
  readonly history: readonly TrainingStep[];
}

export interface PairsResult extends RunResult {
  /** Share of held-out texts whose own one is the nearest of the other side's in a batch; null without any. */
  readonly right: number | null;
}
