/** Routes of this project, below `/api`. */
import { Hono } from 'hono';
import { ask } from './ask.ts';

interface ReplyRequest {
  readonly message?: unknown;
  /** Name of the conversation, which the server keeps. */
  readonly session?: unknown;
}

interface Completion {
  readonly choices: readonly { readonly message: { readonly content: string } }[];
}

export const routes = new Hono();

routes.post('/reply', async (context) => {
  const { message, session = 'default' } = await context.req
    .json<ReplyRequest>()
    .catch((): ReplyRequest => ({}));
  if (typeof message !== 'string' || typeof session !== 'string')
    return context.json({ error: 'expected {"message": "...", "session": "..."}' }, 400);
  const response = await ask(context, '/v1/chat/completions', {
    session,
    messages: [{ role: 'user', content: message }],
    max_tokens: 200,
  });
  if (!response.ok) return response;
  const { choices } = (await response.json()) as Completion;
  return context.json({ reply: choices[0]?.message.content ?? '' });
});
