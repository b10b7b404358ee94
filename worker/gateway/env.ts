/** What the gateway's script is bound to (wrangler.toml). */
import type Audio from '../audio/index.ts';
import type { BatchObject } from '../apis/batches/batch-object.ts';
import type { CollectionObject } from '../apis/retrieval/object/collection-object.ts';
import type { VectorizeBinding } from '../apis/retrieval/object/vectorize-index.ts';
import type { OnnxObject } from '../onnx/index.ts';
import type { ResponseObject } from '../apis/responses/response-object.ts';
import type { RenamedVars } from '../platform/vars.ts';
import type { Session } from '../apis/sessions/session-object.ts';
import type { Stage } from '../stage/index.ts';

/**
 * RECOGNITION_MODEL is the recogniser of requests that name none, the only one there is when empty;
 * VOICE_MODEL the voice of requests that name none.
 */
export interface GatewayEnv extends RenamedVars {
  readonly MODELS: R2Bucket;
  /** Files of batches, and the list of batches, under prefixes of their own. */
  readonly FILES: R2Bucket;
  readonly STAGE: DurableObjectNamespace<Stage>;
  /** Recordings into samples. */
  readonly AUDIO: Service<Audio>;
  /** Absent where the plan has no room for its script. */
  readonly ONNX?: DurableObjectNamespace<OnnxObject>;
  readonly SESSIONS: DurableObjectNamespace<Session>;
  readonly RESPONSES: DurableObjectNamespace<ResponseObject>;
  readonly COLLECTIONS: DurableObjectNamespace<CollectionObject>;
  /** Where vectors of collections are kept instead of in their objects; optional. */
  readonly VECTORIZE?: VectorizeBinding;
  readonly BATCHES: DurableObjectNamespace<BatchObject>;
  /** The embedding model of requests that name none; the only one there is when empty. */
  readonly EMBEDDING_MODEL?: string;
  /** The model of requests that name none. */
  readonly DEFAULT_MODEL: string;
  /** What tells speech from silence; recordings are heard whole without it. */
  readonly VAD_MODEL: string;
  /** The classifier of requests for moderation that name none. */
  readonly MODERATION_MODEL: string;
  /** Positions of context, as the stage has it; the default when empty. */
  readonly CONTEXT_TOKENS?: string;
}
