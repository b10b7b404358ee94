/** What guesses ahead: how a text may go on, and how sure and how dear that guess is. */

/** Tokens guessed ahead at most: longer drafts gain nothing even if they hold. */
export const MAX_DRAFT_TOKENS = 7;

/** Guesses for one generation's text. */
export interface Drafts {
  /** Cost of a guessed token, as a part of what a step of one row costs. */
  readonly tokenCost: number;
  /** Tokens that have come since the last prediction, as it said. */
  readonly nHeld: number;
  /** Looks at the text as it stands; the chance that its next token is the one predicted. */
  predict(): number;
  /**
   * At most `n` tokens as predicted; none when nothing is. Until a promise settles nothing else of it
   * is called, and the text stays as it is.
   */
  take(n: number): readonly number[] | Promise<readonly number[]>;
  /** The text went on with `token`. */
  settle(token: number): void;
  /** The text has ended. */
  close(): void;
}
