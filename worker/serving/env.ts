/** Bindings for serving models: their bucket, the scripts that run them, and the defaults. */
import type { AccessEnv } from '../access/env.ts';
import type Audio from '../audio/index.ts';
import type Documents from '../documents/index.ts';
import type { OnnxObject } from '../onnx/index.ts';
import type { McpEnv } from './mcp/allow-list.ts';
import type { PictureEnv } from './vision/fetch-picture.ts';
import type { RenamedVars } from '../platform/vars.ts';
import type { StageBinding } from '../stage/bindings.ts';
import type { Stage } from '../stage/index.ts';

/** Bindings to the stages of the pool, by number. */
export type StageBindings = {
  readonly [Name in StageBinding]?: DurableObjectNamespace<Stage>;
};

/**
 * RECOGNITION_MODEL is the recognition model of requests that name none; when empty, the only one there is.
 * VOICE_MODEL is the voice of requests that name none.
 */
export interface ServingEnv extends RenamedVars, StageBindings, AccessEnv, McpEnv, PictureEnv {
  /** Decodes recordings; speaks with small voices. */
  readonly AUDIO: Service<Audio>;
  /** Decodes pictures; reads documents. */
  readonly DOCUMENTS: Service<Documents>;
  /** Absent where the platform's plan has no room for the script. */
  readonly ONNX?: DurableObjectNamespace<OnnxObject>;
  /** Id of the text model of requests that name none. */
  readonly DEFAULT_MODEL: string;
  /** Id of the embedding model of requests that name none; when empty, the only one there is. */
  readonly EMBEDDING_MODEL?: string;
  /** Id of the voice activity detector; without it, recordings are transcribed whole. */
  readonly VAD_MODEL: string;
  /** Id of the classifier of moderation requests that name none. */
  readonly MODERATION_MODEL: string;
  /** Id of the model that reads text in pictures; pp-ocr-v4 when empty. */
  readonly OCR_MODEL?: string;
  /** Id of the classifier that says what pictures look like; efficientnet-lite0 when empty. */
  readonly CLASSIFIER_MODEL?: string;
  /** "off" refuses pictures that the model has no input for; they are described when empty. */
  readonly VISION?: string;
  /** Text that the watermark's key is made of; when empty, that of the bucket's record. */
  readonly WATERMARK_KEY?: string;
  /** Policy as JSON; when empty, that of the bucket's policy/policy.json. */
  readonly POLICY?: string;
  /** "off" makes names of hosted models, such as gpt-4o, unknown. */
  readonly MODEL_ALIASES?: string;
  /** Seconds that an MCP server may take for an answer; the default when empty. */
  readonly MCP_TIMEOUT_S?: string;
  /** Tokens of context, as in the stage; the default when empty. */
  readonly CONTEXT_TOKENS?: string;
}
