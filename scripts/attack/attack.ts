/** What an attack is: one hostile use of the API, and what of it must be in place. */
import type { Outcome } from './outcome.ts';
import type { Target } from './target.ts';

/** Kinds of models that an attack needs beside the text model. */
export type Need = 'encoder' | 'recognition' | 'pictures';

export interface Attack {
  readonly name: string;
  /** What is sent, in some words. */
  readonly what: string;
  readonly needs?: Need;
  /** Whether it takes long even where nothing is wrong; left out by `--quick`. */
  readonly isLong?: boolean;
  run(target: Target): Promise<readonly Outcome[]>;
}

/** An attack that consists of one body. */
export function bodyAttack(
  row: Pick<Attack, 'name' | 'what' | 'needs' | 'isLong'> & {
    readonly path: string;
    readonly body: (target: Target) => unknown;
  },
): Attack {
  const { path, body, ...rest } = row;
  return { ...rest, run: async (target) => [await target.post(path, body(target))] };
}
