/** Keys for tests of servers that ask for one. */
import { createKey } from '../../scripts/push/keys.ts';
import type { KeyOptions } from '../../scripts/push/keys.ts';
import { SCOPES } from '../../worker/platform/caller.ts';
import type { TestServer } from './http-server.ts';

/** A key that may do everything, where the options say nothing else. */
export async function makeKey(
  { bucket }: Pick<TestServer, 'bucket'>,
  options: Partial<KeyOptions> = {},
): Promise<{ readonly id: string; readonly key: string }> {
  const { key, record } = await createKey(bucket, {
    name: 'test',
    scopes: SCOPES,
    models: null,
    expiresAt: null,
    limits: null,
    ...options,
  });
  return { id: record.id, key };
}

export const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

export type AskWith = (path: string, body?: unknown, method?: string) => Promise<Response>;

/** Sends JSON with a key; GET without a body. */
export function askWith(server: Pick<TestServer, 'url'>, key: string | null): AskWith {
  return (path, body, method = body === undefined ? 'GET' : 'POST') =>
    fetch(`${server.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...(key === null ? {} : bearer(key)) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
}
