/** The body of POST /v1/chat/completions. */
import { z } from 'zod';
import {
  choiceCount,
  count,
  generationFields,
  MAX_MAX_TOKENS,
  MAX_TOP_LOGPROBS,
  passiveFields,
  sessionId,
  strictField,
  tooManyTokens,
} from './common.ts';

export const MAX_MESSAGES = 4096;
const ROLES = ['system', 'developer', 'user', 'assistant'] as const;

export const textPart = z.discriminatedUnion(
  'type',
  [z.object({ type: z.literal('text'), text: z.string() })],
  {
    error: ({ input }) => {
      const type = (input as { type?: unknown } | undefined)?.type;
      return typeof type === 'string'
        ? `content parts of type ${JSON.stringify(type.slice(0, 40))} are not supported yet; expected {"type": "text", "text": "..."}`
        : 'expected {"type": "text", "text": "..."}';
    },
  },
);

export const chatMessage = z
  .object({
    role: z.enum(ROLES),
    content: z.union(
      [z.string(), z.array(textPart).min(1)],
      'expected a text or an array of text parts',
    ),
    name: z.string().max(64).optional(),
  })
  .transform(({ role, content, name }) => ({
    // OpenAI's newer name of the same role.
    role: role === 'developer' ? ('system' as const) : role,
    content: typeof content === 'string' ? content : content.map(({ text }) => text).join(''),
    ...(name === undefined ? {} : { name }),
  }));

export const chatBodySchema = z
  .looseObject({
    ...generationFields,
    messages: z.array(chatMessage).min(1).max(MAX_MESSAGES),
    max_completion_tokens: count.min(0).max(MAX_MAX_TOKENS).optional(),
    logprobs: z.boolean().default(false),
    top_logprobs: count.min(0).max(MAX_TOP_LOGPROBS).optional(),
    ...passiveFields,
    n: choiceCount.default(1),
    session: sessionId.optional(),
    strict: strictField,
  })
  .superRefine((body, context) => {
    const tooMany = tooManyTokens(body.n, body.max_completion_tokens ?? body.max_tokens);
    if (tooMany !== null) context.addIssue({ code: 'custom', ...tooMany });
    if (body.session !== undefined && body.n > 1)
      context.addIssue({ code: 'custom', path: ['n'], message: 'expected 1 in a session' });
    if (body.top_logprobs !== undefined && body.top_logprobs > 0 && !body.logprobs)
      context.addIssue({
        code: 'custom',
        path: ['top_logprobs'],
        message: 'expected "logprobs": true beside it',
      });
  })
  .meta({ id: 'ChatCompletionRequest' });

export type ChatBody = z.output<typeof chatBodySchema>;
