/** An endpoint's example as a request to a running server. */
import type { Endpoint, Example } from '../../worker/gateway/endpoints/endpoint.ts';
import { STORIES_ID, type TestServer } from './http-server.ts';

/** Sends what comes before the example, then the example. */
export async function runExample(
  server: TestServer,
  endpoint: Endpoint,
  example: Example,
): Promise<Response> {
  let id = '';
  for (const { path, body } of example.before ?? []) {
    const answer = await (await server.post(path, body)).json<{ id?: string }>();
    id = answer.id ?? '';
  }
  const fill = (value: string): string => value.replace('$model', STORIES_ID).replace('$id', id);
  const path = endpoint.path.replaceAll(/:(\w+)/g, (_, name: string) =>
    fill(example.params?.[name] ?? ''),
  );
  const url = `${server.url}${path}${example.query === undefined ? '' : `?${example.query}`}`;
  const text = example.body === undefined ? undefined : fill(JSON.stringify(example.body));
  return await fetch(url, {
    method: endpoint.method,
    headers: { 'content-type': 'application/json', ...example.headers },
    ...(text === undefined ? {} : { body: text }),
  });
}
