/** The batch that a path names. */
import { EngineError } from '../../../engine/base/errors.ts';
import type { EndpointContext } from '../../http/endpoint.ts';
import { objectName } from '../../platform/caller.ts';
import type { BatchRunner } from './batch-runner.ts';
import type { BatchesEnv } from './env.ts';
import { isBatchId } from './result-files.ts';

/**
 * What the caller's batch answers to `ask`, which gives null when there is none.
 * @param givenId how the caller named it, where that is another form of its id
 * @throws {EngineError} E_NOT_FOUND
 */
export async function askBatch(
  { env, caller, params }: Pick<EndpointContext<unknown, BatchesEnv>, 'env' | 'caller' | 'params'>,
  ask: (batch: DurableObjectStub<BatchRunner>) => Promise<string | null>,
  givenId = params['id'] ?? '',
): Promise<string> {
  const id = params['id'] ?? '';
  const answer = isBatchId(id) ? await ask(env.BATCHES.getByName(objectName(caller, id))) : null;
  if (answer !== null) return answer;
  throw new EngineError(
    'E_NOT_FOUND',
    `batch: no batch ${JSON.stringify(givenId.slice(0, 80))}; it never existed, or is older than 30 days.`,
    { param: 'batch_id' },
  );
}
