/**
 * The gateway script: HTTP, text and what callers store. It holds neither weights nor kernels.
 */
import { BatchRunner } from '../apis/batches/batch-runner.ts';
import { askOf } from '../http/dispatch.ts';
import { provideClassifier } from '../serving/policy/text-judge.ts';
import textClassifierFile from '../../assets/moderation/text-classifier.bin';
import type { Ask } from '../http/endpoint.ts';
import type { Caller } from '../platform/caller.ts';
import { gatewayApp } from './router.ts';
import type { GatewayEnv } from './env.ts';
import { SITE } from './site.ts';

provideClassifier(textClassifierFile);

export { AccountObject } from '../access/account-object.ts';
export { BudgetObject } from '../access/budget-object.ts';
export { RecordObject } from '../apis/records/record-object.ts';
export { ResponseObject } from '../apis/responses/response-object.ts';
export { CollectionObject } from '../apis/retrieval/object/collection-object.ts';
export { SubjectObject as SubjectKeyObject } from '../apis/subjects/subject-object.ts';
export { Session } from '../apis/sessions/session-object.ts';

/** A batch whose lines are sent to the endpoints of this script. */
export class BatchObject extends BatchRunner {
  constructor(ctx: DurableObjectState, env: GatewayEnv) {
    super(ctx, env, (caller) => settledAsk(env, caller));
  }
}

/** Asks, and waits until what was used is counted: the next line may need its place. */
function settledAsk(env: GatewayEnv, caller: Caller): Ask {
  const counting: Promise<unknown>[] = [];
  const ask = askOf(SITE, env, caller, (promise) => counting.push(promise));
  return async (path, body, signal) => {
    const response = await ask(path, body, signal);
    await Promise.all(counting);
    return response;
  };
}

export default gatewayApp();
