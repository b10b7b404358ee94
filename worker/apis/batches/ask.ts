/** A line's request, through the same dispatch as requests from outside. */
import { dispatch } from '../../http/dispatch.ts';
import type { GatewayEnv } from '../../gateway/env.ts';
import { SITE } from '../../gateway/site.ts';

export async function ask(
  env: GatewayEnv,
  path: string,
  body: object,
  signal: AbortSignal | undefined,
): Promise<{ status: number; text: string }> {
  const endpoint = SITE.endpoints.find((row) => row.method === 'POST' && row.path === path);
  if (endpoint === undefined) throw new Error(`batch: no endpoint ${path}`);
  const request = new Request(new URL(path, 'https://batch'), {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    ...{ body: JSON.stringify(body), signal: signal ?? null },
  });
  const response = await dispatch(endpoint, { request, env, params: {} }, SITE);
  return { status: response.status, text: await response.text() };
}
