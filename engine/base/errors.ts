/**
 * The one error class of the project and the table of its codes.
 * Knows nothing of HTTP frameworks: a row only says which status fits.
 */

/** Who has to act for the error to go away. */
export type ErrorParty = 'caller' | 'modelFile' | 'config' | 'system' | 'us';

export interface ErrorRow {
  readonly party: ErrorParty;
  readonly httpStatus: number;
  readonly retryable: boolean;
  /** The `error.type` of OpenAI's error object. */
  readonly type: string;
}

function row(party: ErrorParty, httpStatus: number, retryable: boolean, type: string): ErrorRow {
  return { party, httpStatus, retryable, type };
}

/** Every code the project can raise. Documented for users in docs/errors.md. */
export const ERROR_ROWS = {
  E_REQUEST_INVALID: row('caller', 400, false, 'invalid_request_error'),
  E_PROMPT_TOO_LONG: row('caller', 400, false, 'invalid_request_error'),
  E_IMAGE_INVALID: row('caller', 400, false, 'invalid_request_error'),
  E_AUDIO_INVALID: row('caller', 400, false, 'invalid_request_error'),
  E_KEY_INVALID: row('caller', 401, false, 'authentication_error'),
  E_ACCESS_DENIED: row('caller', 403, false, 'permission_error'),
  E_RATE_LIMIT: row('caller', 429, false, 'rate_limit_error'),
  E_TEMPLATE: row('modelFile', 400, false, 'invalid_request_error'),
  E_POLICY_BLOCKED: row('caller', 400, false, 'content_policy_violation'),
  E_MODEL_NOT_FOUND: row('caller', 404, false, 'invalid_request_error'),
  E_MODEL_KIND: row('caller', 400, false, 'invalid_request_error'),
  E_NOT_FOUND: row('caller', 404, false, 'invalid_request_error'),
  E_METHOD: row('caller', 405, false, 'invalid_request_error'),
  E_BODY_TOO_LARGE: row('caller', 413, false, 'invalid_request_error'),
  E_ABORTED: row('caller', 499, false, 'aborted_error'),
  E_BUSY: row('system', 503, true, 'overloaded_error'),
  E_BACKEND_UNAVAILABLE: row('system', 503, true, 'overloaded_error'),
  E_POLICY_UNAVAILABLE: row('system', 503, true, 'api_error'),
  E_WEIGHTS_FETCH: row('system', 503, true, 'api_error'),
  E_FORMAT_MAGIC: row('modelFile', 500, false, 'api_error'),
  E_FORMAT_VERSION: row('modelFile', 500, false, 'api_error'),
  E_FORMAT_INVALID: row('modelFile', 500, false, 'api_error'),
  E_MANIFEST_INVALID: row('modelFile', 500, false, 'api_error'),
  E_TENSOR_MISSING: row('modelFile', 500, false, 'api_error'),
  E_TENSOR_SHAPE: row('modelFile', 500, false, 'api_error'),
  E_DTYPE_UNSUPPORTED: row('modelFile', 500, false, 'api_error'),
  E_ARCH_UNKNOWN: row('modelFile', 500, false, 'api_error'),
  E_TOKENIZER_INVALID: row('modelFile', 500, false, 'api_error'),
  E_WEIGHTS_HASH: row('modelFile', 500, false, 'api_error'),
  E_ADAPTER_UNSUPPORTED: row('modelFile', 500, false, 'api_error'),
  E_ADAPTER_BASE: row('modelFile', 500, false, 'api_error'),
  E_MEMORY_BUDGET: row('config', 507, false, 'api_error'),
  E_KV_FULL: row('config', 507, false, 'api_error'),
  E_LOCAL_ONLY: row('config', 501, false, 'api_error'),
  E_KEYS_MISSING: row('config', 503, false, 'api_error'),
  E_PLACEMENT_INVALID: row('config', 500, false, 'api_error'),
  E_CONTENT_KEY: row('config', 500, false, 'api_error'),
  E_CONTENT_INVALID: row('system', 500, false, 'api_error'),
  E_STAGE_LOST: row('system', 503, true, 'overloaded_error'),
  E_MCP_SERVER: row('system', 424, false, 'external_connector_error'),
  E_SOURCE_UNAVAILABLE: row('system', 502, true, 'api_error'),
  E_DISK: row('system', 500, true, 'api_error'),
  E_DATA_INVALID: row('caller', 400, false, 'invalid_request_error'),
  E_USAGE: row('caller', 400, false, 'invalid_request_error'),
  E_INTERNAL: row('us', 500, false, 'api_error'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_ROWS;

export interface EngineErrorOptions {
  /** The values the message speaks of, for programs. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** The request field at fault (`messages[2].role`), for OpenAI's `error.param`. */
  readonly param?: string;
  readonly cause?: unknown;
}

/**
 * An error with a code. Messages follow `where: what; expected X, got Y` and end with the fix.
 */
export class EngineError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
  readonly param: string | null;

  constructor(code: ErrorCode, message: string, options: EngineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'EngineError';
    this.code = code;
    this.details = options.details ?? {};
    this.param = options.param ?? null;
  }

  get row(): ErrorRow {
    return ERROR_ROWS[this.code];
  }
}

/** The plain form that crosses isolates (RPC keeps only name and message of an Error). */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
  readonly param: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Any thrown value as a record; what is not an EngineError becomes E_INTERNAL without its stack. */
export function errorToRecord(error: unknown): ErrorRecord {
  if (error instanceof EngineError) {
    const { code, message, param, details } = error;
    return { code, message, param, details };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'E_INTERNAL', message: `internal error: ${message}`, param: null, details: {} };
}

export function errorFromRecord(record: ErrorRecord): EngineError {
  const { code, message, param, details } = record;
  return new EngineError(code, message, { details, ...(param === null ? {} : { param }) });
}

/** The error of a model's engine that was closed because another took its place. */
export function unloaded(modelId: string): EngineError {
  return new EngineError('E_BACKEND_UNAVAILABLE', `engine: ${modelId} was unloaded; try again.`);
}

/** @throws {EngineError} E_ABORTED with `message`, once `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal, message: string): void {
  if (signal.aborted) throw new EngineError('E_ABORTED', message);
}
