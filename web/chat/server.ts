/** Requests to the page's own server, and what its answers have in common (docs/http.md). */

import { fetchWithKey } from '../access/key.ts';

export function postJson(path: string, body: object, signal: AbortSignal): Promise<Response> {
  return fetchWithKey(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    signal,
    body: JSON.stringify(body),
  });
}

/** The message of a failed request; what came instead when it is not in the API's error shape. */
export async function readError(response: Response): Promise<string> {
  const body = await response.text();
  try {
    const { error } = JSON.parse(body) as { readonly error: { readonly message: string } };
    return error.message;
  } catch {
    return `${response.status} ${response.statusText} ${body.slice(0, 300)}`;
  }
}

/** Data of each server-sent event. */
export async function* serverSentEvents(response: Response): AsyncGenerator<string, void, void> {
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part.startsWith('data: ')) yield part.slice('data: '.length);
  }
}
