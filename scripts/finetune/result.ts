/** What a fine-tuning tells of itself: each step, and the end. */

export interface FinetuneStep {
  readonly step: number;
  readonly nStep: number;
  readonly loss: number;
  readonly heldOutLoss: number | null;
  /** The epoch that ended with it, from 1; null for one within an epoch. */
  readonly epoch: number | null;
  readonly rate: number;
  /** Length of the slopes before clipping. */
  readonly norm: number;
  readonly tokensPerSecond: number;
  readonly gflops: number;
  readonly secondsLeft: number;
}

export interface FinetuneResult {
  readonly steps: number;
  readonly nStep: number;
  /** Whether all steps were made. */
  readonly isWhole: boolean;
  readonly nWeight: number;
  readonly nByte: number;
  readonly loss: number;
  readonly heldOutBefore: number | null;
  readonly heldOutLoss: number | null;
  readonly tokens: number;
  readonly seconds: number;
  readonly folder: string;
  readonly history: readonly FinetuneStep[];
}
