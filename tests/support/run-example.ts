/** An endpoint's example as a request to a running server. */
import type { EndpointFacts, Example, Form } from '../../worker/http/endpoint.ts';
import { STORIES_ID, type SharedServer } from './http-server.ts';

/** Sends what comes before the example, then the example. */
export async function runExample(
  server: SharedServer,
  endpoint: EndpointFacts,
  example: Example,
): Promise<Response> {
  let id = '';
  const fill = (value: string): string => value.replace('$model', STORIES_ID).replace('$id', id);
  for (const { path, body, form } of example.before ?? []) {
    const sent =
      form === undefined
        ? server.post(path, fill(JSON.stringify(body)))
        : fetch(`${server.url}${path}`, { method: 'POST', body: formData(form) });
    id = (await (await sent).json<{ id?: string }>()).id ?? '';
  }
  const path = endpoint.path.replaceAll(/:(\w+)/g, (_, name: string) =>
    fill(example.params?.[name] ?? ''),
  );
  const url = `${server.url}${path}${example.query === undefined ? '' : `?${example.query}`}`;
  if (example.form !== undefined)
    return await fetch(url, { method: endpoint.method, body: formData(example.form) });
  const text = example.body === undefined ? undefined : fill(JSON.stringify(example.body));
  return await fetch(url, {
    method: endpoint.method,
    headers: { 'content-type': 'application/json', ...example.headers },
    ...(text === undefined ? {} : { body: text }),
  });
}

function formData(form: Form): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(form)) {
    if (typeof value === 'string') data.append(name, value);
    else data.append(name, new Blob([value.text]), value.filename);
  }
  return data;
}
