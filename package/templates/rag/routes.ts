/** Routes of this project, below `/api`. */
import { Hono } from 'hono';
import type { Context } from 'hono';
import { ThimbleClient, ThimbleError } from 'thimble/client';
import { ai, ask } from './ask.ts';

interface AddRequest {
  readonly id?: unknown;
  readonly text?: unknown;
}

interface AskRequest {
  readonly question?: unknown;
}

interface Completion {
  readonly choices: readonly { readonly message: { readonly content: string } }[];
}

const COLLECTION = 'documents';
const PASSAGES = 4;

export const routes = new Hono();

/** Adds a document, in place of one with the same id. */
routes.post('/documents', async (context) => {
  const { id, text } = await context.req.json<AddRequest>().catch((): AddRequest => ({}));
  if (typeof id !== 'string' || typeof text !== 'string')
    return context.json({ error: 'expected {"id": "...", "text": "..."}' }, 400);
  const { collections } = clientOf(context);
  if (!(await collections.list()).includes(COLLECTION))
    await collections.create({ name: COLLECTION });
  const [added] = await collections.add(COLLECTION, [{ id, content: text }]);
  return context.json(added);
});

/** Answers from the documents, with the passages that the answer was made from. */
routes.post('/ask', async (context) => {
  const { question } = await context.req.json<AskRequest>().catch((): AskRequest => ({}));
  if (typeof question !== 'string')
    return context.json({ error: 'expected {"question": "..."}' }, 400);
  const passages = await clientOf(context).collections.search(COLLECTION, question, {
    top_k: PASSAGES,
  });
  const response = await ask(context, '/v1/chat/completions', {
    messages: [{ role: 'user', content: question }],
    retrieval: { collection: COLLECTION, top_k: PASSAGES },
    max_tokens: 200,
  });
  if (!response.ok) return response;
  const { choices } = (await response.json()) as Completion;
  const sources = passages.map(({ document, text, score }) => ({ document, text, score }));
  return context.json({ answer: choices[0]?.message.content ?? '', sources });
});

/** Errors of Thimble as it sent them: they name the field and what to do. */
routes.onError((error, context) => {
  if (!(error instanceof ThimbleError)) throw error;
  const { message, status, code, param } = error;
  return context.json({ error: { message, code, param } }, status as 400);
});

function clientOf(context: Context): ThimbleClient {
  const key = context.req.header('authorization')?.replace(/^Bearer /, '');
  return new ThimbleClient({
    baseUrl: 'http://localhost',
    ...(key === undefined ? {} : { apiKey: key }),
    fetch: (url, init) => ai.request(url, init, context.env, context.executionCtx),
  });
}
