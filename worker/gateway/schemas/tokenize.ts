/** The bodies of POST /tokenize and /detokenize. */
import { z } from 'zod';
import { modelField } from './common.ts';
import { tokenId } from './completions.ts';

export const tokenizeBodySchema = z.looseObject({
  model: modelField,
  text: z.string(),
  /** Begin with the BOS token when the model wants one. */
  add_special: z.boolean().default(false),
  /** Special-token literals in the text become special tokens. */
  parse_special: z.boolean().default(false),
});

export const detokenizeBodySchema = z.looseObject({
  model: modelField,
  tokens: z.array(tokenId),
});
