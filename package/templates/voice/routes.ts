/** Routes of this project, below `/api`. */
import { Hono } from 'hono';
import { ask } from './ask.ts';

interface SayRequest {
  readonly text?: unknown;
}

export const routes = new Hono();

/** A text as speech: a WAV file that is sent while it is made. */
routes.post('/say', async (context) => {
  const { text } = await context.req.json<SayRequest>().catch((): SayRequest => ({}));
  if (typeof text !== 'string') return context.json({ error: 'expected {"text": "..."}' }, 400);
  return await ask(context, '/v1/audio/speech', { input: text, response_format: 'wav' });
});
