/** The body of POST /v1/completions: one or several prompts, as texts or token ids. */
import { z } from 'zod';
import {
  choiceCount,
  count,
  generationFields,
  MAX_TOP_LOGPROBS,
  passiveFields,
  strictField,
  tooManyTokens,
} from '../../serving/fields/common.ts';
import { redactField } from '../../serving/redaction/redact-request.ts';
import { formatFields } from '../../serving/fields/output.ts';
import type { TextPrompt } from '../../serving/generation/text-prompts.ts';
import { refuseAt, whole } from '../../serving/fields/refuse-at.ts';

const MAX_PROMPTS = 64;
const MAX_TOKEN_ID = 2 ** 31 - 1;

export const tokenId = count.min(0).max(MAX_TOKEN_ID);
const tokenPrompt = z.array(tokenId).min(1);

export const completionBodySchema = z
  .looseObject({
    ...generationFields,
    ...formatFields,
    prompt: z.union(
      [
        z.string(),
        tokenPrompt,
        z.array(z.string()).min(1).max(MAX_PROMPTS),
        z.array(tokenPrompt).min(1).max(MAX_PROMPTS),
      ],
      'expected a text, token ids, or an array of either',
    ),
    echo: z.boolean().default(false),
    logprobs: count.min(0).max(MAX_TOP_LOGPROBS).optional(),
    /** Extension: names of special tokens in a text prompt become special tokens. */
    parse_special: z.boolean().default(false),
    /** Extension, as in other servers: go on to max_tokens, past end tokens. */
    ignore_eos: z.boolean().default(false),
    ...passiveFields,
    n: choiceCount.default(1),
    best_of: choiceCount.optional(),
    redact: redactField,
    strict: strictField,
  })
  .superRefine(
    whole((body, context) => {
      const { n, best_of: bestOf } = body;
      const tooMany = tooManyTokens(bestOf ?? n, body.max_tokens);
      if (tooMany !== null) refuseAt(context, ['max_tokens'], tooMany);
      if (body.redact !== undefined && body.redact !== false) {
        const hasTexts = listPrompts(body.prompt).every((prompt) => typeof prompt === 'string');
        if (!hasTexts) refuseAt(context, ['redact'], 'expected texts in "prompt" with it');
        if (body.echo) refuseAt(context, ['redact'], 'expected "echo" to be false with it');
      }
      const refuse = (message: string): void => refuseAt(context, ['best_of'], message);
      if (bestOf !== undefined && bestOf < n) refuse(`expected at least n, which is ${n}`);
      if (bestOf !== undefined && bestOf > n && body.stream)
        refuse('expected it to be absent when "stream" is true: the best is known at the end');
    }),
  )
  .meta({ id: 'CompletionRequest' });

export type CompletionBody = z.output<typeof completionBodySchema>;

/** The prompts as a list: an array of numbers is one prompt, any other array several. */
export function listPrompts(prompt: CompletionBody['prompt']): TextPrompt[] {
  if (typeof prompt === 'string') return [prompt];
  if (prompt.every((part) => typeof part === 'number')) return [prompt];
  return prompt;
}
