/** Where examples come from. */
import type { SeededRandom } from '../../../lib/seeded-random.ts';
import type { Example } from '../example.ts';

export interface Source {
  readonly name: string;
  /** An example to learn from. @param step of the training, counted from 0 */
  example(random: SeededRandom, step: number): Example;
  /** Examples that are never learned from, the same ones each time: at most n. */
  heldOut(n: number): readonly Example[];
  /** How much is right that only the words of a question say, of each kind of answer: parts from 0 to 1. */
  readonly unbound: ReadonlyMap<string, number>;
  /** What counts of what is said as an answer; all of it where there is none. */
  readonly answerOf?: (said: string) => string;
  /** Whom its texts speak of, or who speaks in it, for the card. */
  readonly people?: string;
  /** Of licences and origins, for the card. */
  readonly about: { readonly what: string; readonly licence: string };
  /** Parts of it that are not there, and how to get them. */
  readonly missing?: readonly { readonly name: string; readonly why: string }[];
}
