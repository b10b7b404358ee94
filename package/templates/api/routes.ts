/** Routes of this project, below `/api`. */
import { Hono } from 'hono';
import { ask } from './ask.ts';

interface SortRequest {
  readonly text?: unknown;
}

interface Classification {
  readonly labels: readonly { readonly label: string; readonly probability: number }[];
}

const LABELS = ['question', 'complaint', 'praise'];

export const routes = new Hono();

/** Which kind of message a text is, with probabilities that sum to one. */
routes.post('/sort', async (context) => {
  const { text } = await context.req.json<SortRequest>().catch((): SortRequest => ({}));
  if (typeof text !== 'string') return context.json({ error: 'expected {"text": "..."}' }, 400);
  const response = await ask(context, '/v1/tasks/classify', { text, labels: LABELS });
  if (!response.ok) return response;
  const { labels } = (await response.json()) as Classification;
  const rows = labels.map(({ label, probability }) => [label, probability] as const);
  return context.json(Object.fromEntries(rows));
});
