/** Texts to embed, as servers' own formats send them: one, or a list. */
import { z } from 'zod';

export const MAX_TEXTS = 1000;
export const MAX_TEXT_CHARS = 100_000;

export const embeddedTexts = z.union(
  [z.string(), z.array(z.string().max(MAX_TEXT_CHARS)).min(1).max(MAX_TEXTS)],
  `expected a text or 1 to ${MAX_TEXTS} texts`,
);
