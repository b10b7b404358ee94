/** Thimble inside this Worker. Requests to it do not leave the Worker; they are made as the caller of `context`. */
import type { Context } from 'hono';
import { thimble } from 'thimble/worker';

export const ai = thimble();

/** Sends a JSON body to an endpoint of Thimble, such as `/v1/chat/completions`. */
export async function ask(context: Context, path: string, body: unknown): Promise<Response> {
  const headers = new Headers({ 'content-type': 'application/json' });
  const key = context.req.header('authorization');
  if (key !== undefined) headers.set('authorization', key);
  const init = {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
    signal: context.req.raw.signal,
  };
  return await ai.request(path, init, context.env, context.executionCtx);
}
