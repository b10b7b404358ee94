/**
 * The gateway script: HTTP, text and what callers store. It holds neither weights nor kernels.
 */
import { BatchRunner } from '../apis/batches/batch-runner.ts';
import { askOf } from '../http/dispatch.ts';
import { ANONYMOUS, callerOf } from '../platform/caller.ts';
import { provideClassifier } from '../serving/policy/text-judge.ts';
import textClassifierFile from '../../assets/moderation/text-classifier.bin';
import { gatewayApp } from './router.ts';
import type { GatewayEnv } from './env.ts';
import { SITE } from './site.ts';

provideClassifier(textClassifierFile);

export { ResponseObject } from '../apis/responses/response-object.ts';
export { CollectionObject } from '../apis/retrieval/object/collection-object.ts';
export { Session } from '../apis/sessions/session-object.ts';

/** A batch whose lines are sent to the endpoints of this script. */
export class BatchObject extends BatchRunner {
  constructor(ctx: DurableObjectState, env: GatewayEnv) {
    super(ctx, env, (subject) => askOf(SITE, env, subject));
  }
}

export default gatewayApp(() => callerOf(ANONYMOUS));
