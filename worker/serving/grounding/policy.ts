/** What becomes of sentences that the passages do not support. */
import { z } from 'zod';

export const CHECKS = ['quote', 'drop', 'mark', 'off'] as const;
export type Check = (typeof CHECKS)[number];

/** An answer should be right before it is fluent. */
export const DEFAULT_CHECK: Check = 'quote';

/** Field of a request. */
export const checkField = z
  .enum(CHECKS)
  .describe(
    'what becomes of sentences whose figures or names the passages do not support: "quote" puts the sentence of a ' +
      'passage in their place, "drop" leaves them out, "mark" only reports them, "off" checks nothing',
  );
