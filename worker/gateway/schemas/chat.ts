/** The body of POST /v1/chat/completions. */
import { z } from 'zod';
import {
  count,
  generationFields,
  MAX_MAX_TOKENS,
  MAX_TOP_LOGPROBS,
  refuseUnsupported,
  sessionId,
} from './common.ts';

const MAX_MESSAGES = 4096;
const ROLES = ['system', 'developer', 'user', 'assistant'] as const;

const contentPart = z.discriminatedUnion(
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

const message = z
  .object({
    role: z.enum(ROLES),
    content: z.union(
      [z.string(), z.array(contentPart).min(1)],
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
    messages: z.array(message).min(1).max(MAX_MESSAGES),
    max_completion_tokens: count.min(0).max(MAX_MAX_TOKENS).optional(),
    logprobs: z.boolean().default(false),
    top_logprobs: count.min(0).max(MAX_TOP_LOGPROBS).optional(),
    session: sessionId.optional(),
  })
  .superRefine((body, context) => {
    refuseUnsupported(body, (name, text) =>
      context.addIssue({ code: 'custom', path: [name], message: text }),
    );
    if (body.top_logprobs !== undefined && body.top_logprobs > 0 && !body.logprobs)
      context.addIssue({
        code: 'custom',
        path: ['top_logprobs'],
        message: 'expected "logprobs": true beside it',
      });
  });

export type ChatBody = z.output<typeof chatBodySchema>;
