/** Bindings of the gateway script (wrangler.toml): those that each API declares. */
import type { BatchesEnv } from '../apis/batches/env.ts';
import type { FilesEnv } from '../apis/files/env.ts';
import type { FineTuningEnv } from '../apis/fine-tuning/env.ts';
import type { RecordsEnv } from '../apis/records/env.ts';
import type { ResponsesEnv } from '../apis/responses/env.ts';
import type { CollectionsEnv } from '../apis/retrieval/env.ts';
import type { VectorsEnv } from '../apis/retrieval/object/collection-object.ts';
import type { SessionsEnv } from '../apis/sessions/env.ts';
import type { ServingEnv } from '../serving/env.ts';

export interface GatewayEnv
  extends
    ServingEnv,
    SessionsEnv,
    ResponsesEnv,
    FilesEnv,
    BatchesEnv,
    CollectionsEnv,
    VectorsEnv,
    RecordsEnv,
    FineTuningEnv {}
