/** Fields that reach the template of a conversation; as in vLLM and llama.cpp. */
import { z } from 'zod';

export const MAX_TEMPLATE_VARIABLES = 16;

const name = z.string().regex(/^[A-Za-z_]\w{0,63}$/, 'expected names of letters, digits and "_"');
/** Switches, never a text for the model: that would pass by what reads and redacts messages. */
const value = z.union(
  [
    z.boolean(),
    z.number(),
    z.null(),
    z
      .string()
      .regex(/^[\w .:+-]{0,32}$/, 'expected at most 32 letters, digits, blanks and "._:+-"'),
  ],
  'expected true, false, a number, null or a word of at most 32 characters',
);

/** Variables of a template, such as {"enable_thinking": false}. */
export const templateVariables = z
  .record(name, value)
  .refine(
    (variables) => Object.keys(variables).length <= MAX_TEMPLATE_VARIABLES,
    `expected at most ${MAX_TEMPLATE_VARIABLES} variables`,
  );

export const templateFields = {
  chat_template_kwargs: templateVariables.optional(),
  /** Whether the answer goes on where the last message, from the assistant, ends. */
  continue_final_message: z.boolean().default(false),
  /** Accepted where it says what is done anyway. */
  add_generation_prompt: z.boolean().optional(),
};
