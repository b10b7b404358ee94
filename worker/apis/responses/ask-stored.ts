/** The stored response that a path names. */
import { EngineError } from '../../../engine/base/errors.ts';
import type { EndpointContext } from '../../http/endpoint.ts';
import { objectName } from '../../platform/caller.ts';
import type { ResponsesEnv, StoredResponseObject } from './env.ts';
import { responseId } from './schema.ts';

type StoredStub = DurableObjectStub<StoredResponseObject>;

/**
 * What the caller's stored response answers to `ask`, which gives null when there is none.
 * @throws {EngineError} E_NOT_FOUND
 */
export async function askStored(
  {
    env,
    caller,
    params,
  }: Pick<EndpointContext<unknown, ResponsesEnv>, 'env' | 'caller' | 'params'>,
  ask: (stored: StoredStub, id: string) => Promise<string | null>,
): Promise<string> {
  const id = params['id'] ?? '';
  const isId = responseId.safeParse(id).success;
  const answer = isId ? await ask(env.RESPONSES.getByName(objectName(caller, id)), id) : null;
  if (answer !== null) return answer;
  throw new EngineError(
    'E_NOT_FOUND',
    `response: no response ${JSON.stringify(id.slice(0, 80))}; it was deleted, is older than 30 days, or was not stored.`,
    { param: 'response_id' },
  );
}
