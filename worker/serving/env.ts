/** What serving models is bound to: the models' bucket, the scripts that run them, and their defaults. */
import type Audio from '../audio/index.ts';
import type { OnnxObject } from '../onnx/index.ts';
import type { RenamedVars } from '../platform/vars.ts';
import type { Stage } from '../stage/index.ts';

/**
 * RECOGNITION_MODEL is the recogniser of requests that name none, the only one there is when empty;
 * VOICE_MODEL the voice of requests that name none.
 */
export interface ServingEnv extends RenamedVars {
  readonly MODELS: R2Bucket;
  readonly STAGE: DurableObjectNamespace<Stage>;
  /** Recordings into samples. */
  readonly AUDIO: Service<Audio>;
  /** Absent where the plan has no room for its script. */
  readonly ONNX?: DurableObjectNamespace<OnnxObject>;
  /** The model of requests that name none. */
  readonly DEFAULT_MODEL: string;
  /** The embedding model of requests that name none; the only one there is when empty. */
  readonly EMBEDDING_MODEL?: string;
  /** What tells speech from silence; recordings are heard whole without it. */
  readonly VAD_MODEL: string;
  /** The classifier of requests for moderation that name none. */
  readonly MODERATION_MODEL: string;
  /** Positions of context, as the stage has it; the default when empty. */
  readonly CONTEXT_TOKENS?: string;
}
