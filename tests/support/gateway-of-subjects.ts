/** The gateway with callers that say who they are, as one that checks keys would find out. */
import { gatewayApp } from '../../worker/gateway/router.ts';
import { callerOf } from '../../worker/platform/caller.ts';

export {
  BatchObject,
  CollectionObject,
  ResponseObject,
  Session,
} from '../../worker/gateway/index.ts';

export default gatewayApp((request) => callerOf(request.headers.get('x-subject') ?? 'nobody'));
