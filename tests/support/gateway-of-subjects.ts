/** The gateway with callers that say who they are, as one that checks keys would find out. */
import { gatewayApp } from '../../worker/gateway/router.ts';
import { openGate } from '../../worker/access/gate.ts';

export {
  AccountObject,
  BatchObject,
  BudgetObject,
  CollectionObject,
  RecordObject,
  ResponseObject,
  Session,
  SubjectKeyObject,
} from '../../worker/gateway/index.ts';

export default gatewayApp((request, _env, requestId) =>
  openGate(request.headers.get('x-subject') ?? 'nobody', requestId),
);
