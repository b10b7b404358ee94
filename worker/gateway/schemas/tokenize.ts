/** The bodies of POST /tokenize and /detokenize. */
import { z } from 'zod';
import { modelField } from './common.ts';
import { tokenId } from './completions.ts';

/** A second or three of work at worst (one letter repeated). */
const MAX_TOKENIZE_CHARS = 1_000_000;

export const tokenizeBodySchema = z.looseObject({
  model: modelField,
  text: z.string().max(MAX_TOKENIZE_CHARS),
  /** Begin with the BOS token when the model wants one. */
  add_special: z.boolean().default(false),
  /** Special-token literals in the text become special tokens. */
  parse_special: z.boolean().default(false),
});

export const detokenizeBodySchema = z.looseObject({
  model: modelField,
  tokens: z.array(tokenId),
});
