/** What is fuzzed: makes inputs, and gives them to the code that would meet them. */
import type { Random } from './random.ts';

export interface FuzzTarget {
  readonly name: string;
  /** Counted as a decoder of media: MP3, Opus, pictures and the like. */
  readonly isMedia?: boolean;
  /** Makes an input and gives it to the code. Whatever it throws is judged by the runner. */
  run(random: Random): unknown;
}

/** Prepares a target: reads its seeds. */
export type FuzzTargets = () => Promise<readonly FuzzTarget[]>;
