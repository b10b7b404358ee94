/** Guesses ahead: how a text may go on, with what probability and at what cost. */

/** Most tokens guessed ahead: longer drafts gain nothing even if they are right. */
export const MAX_DRAFT_TOKENS = 7;

/** Guesses for one generation's text. */
export interface Drafts {
  /** Cost of a guessed token, as a part of the cost of a step of one row. */
  readonly tokenCost: number;
  /** Tokens since the last prediction that came as predicted. */
  readonly nHeld: number;
  /** Looks at the text as it stands; the chance that its next token is the one predicted. */
  predict(): number;
  /**
   * At most `n` predicted tokens; none when nothing is predicted. Until a promise settles, no other
   * method is called and the text does not change.
   */
  take(n: number): readonly number[] | Promise<readonly number[]>;
  /** The text went on with `token`. */
  settle(token: number): void;
  /** The text has ended. */
  close(): void;
}
