/** Every error as the error object of the API in use. Stacks go to the log, never to clients. */
import type { RequestRecord } from './observe/record.ts';
import { reportFailure } from '../platform/failure.ts';
import type { Place } from '../platform/failure.ts';
import {
  EngineError,
  type ErrorCode,
  type ErrorRecord,
  errorFromRecord,
  errorToRecord,
} from '../../engine/base/errors.ts';

/** How long a client should wait after a retryable error that does not say it. */
const DEFAULT_RETRY_AFTER_S = 2;

export type ErrorStyle = 'openai' | 'anthropic' | 'ollama' | 'cohere';

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
    /** The code of docs/errors.md, where `code` is OpenAI's. */
    readonly thimble_code?: ErrorCode;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

/** Codes that clients of both APIs know. */
const COMMON_CODES: Readonly<Partial<Record<ErrorCode, string>>> = {
  E_KEY_INVALID: 'invalid_api_key',
  E_ACCESS_DENIED: 'insufficient_permissions',
  E_RATE_LIMIT: 'rate_limit_exceeded',
};

/** OpenAI's codes, which its clients act on: they cut a conversation that is too long, or take another model. */
const OPENAI_CODES: Readonly<Partial<Record<ErrorCode, string>>> = {
  ...COMMON_CODES,
  E_PROMPT_TOO_LONG: 'context_length_exceeded',
  E_MODEL_NOT_FOUND: 'model_not_found',
  E_POLICY_BLOCKED: 'content_policy_violation',
};

/** Reasons of E_REQUEST_INVALID (`details.reason`) that are OpenAI's codes. */
const OPENAI_REASONS: ReadonlySet<unknown> = new Set([
  'unsupported_parameter',
  'unknown_parameter',
]);

function openaiCode({ code, details }: ErrorRecord): string {
  const reason = details['reason'];
  if (code === 'E_REQUEST_INVALID' && OPENAI_REASONS.has(reason)) return String(reason);
  return OPENAI_CODES[code] ?? code;
}

export function errorBody(record: ErrorRecord): ErrorBody {
  const { type } = errorFromRecord(record).row;
  const { message, param, details } = record;
  const code = openaiCode(record);
  const own = code === record.code ? {} : { thimble_code: record.code };
  const hasDetails = Object.keys(details).length > 0;
  return { error: { message, type, param, code, ...own, ...(hasDetails ? { details } : {}) } };
}

/** Anthropic's error types by status; all other statuses are api_error. */
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  405: 'invalid_request_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
};

/** Anthropic's error object; `param`, `code` and `details` are extensions. */
export function anthropicErrorBody(record: ErrorRecord): object {
  const { param, details } = record;
  const code = COMMON_CODES[record.code] ?? record.code;
  const type = ANTHROPIC_TYPES[errorFromRecord(record).row.httpStatus] ?? 'api_error';
  return { type: 'error', error: { type, message: record.message, param, code, details } };
}

/** Ollama's error object; `param`, `code` and `details` are extensions. */
export function ollamaErrorBody({ message, param, code, details }: ErrorRecord): object {
  return { error: message, param, code: COMMON_CODES[code] ?? code, details };
}

/** Cohere's error object; `param`, `code` and `details` are extensions. */
function cohereErrorBody({ message, param, code, details }: ErrorRecord): object {
  return { message, param, code: COMMON_CODES[code] ?? code, details };
}

const BODIES: Readonly<Record<ErrorStyle, (record: ErrorRecord) => object>> = {
  openai: errorBody,
  anthropic: anthropicErrorBody,
  ollama: ollamaErrorBody,
  cohere: cohereErrorBody,
};

/**
 * An error that is not an EngineError is our fault: logged, and reported without details. A coded error is in
 * the log line of its request, and in the log of the script it came from; only its cause is not.
 */
export function recordForClient(error: unknown, place: Place): ErrorRecord {
  const isKnown = error instanceof EngineError && error.cause === undefined;
  return isKnown ? errorToRecord(error) : reportFailure(error, place);
}

export function errorResponse(
  error: unknown,
  place: Place,
  style: ErrorStyle = 'openai',
): Response {
  return recordResponse(recordForClient(error, place), style);
}

/** The response to a request that failed; its code goes into the request's record. */
export function failedResponse(
  error: unknown,
  request: RequestRecord,
  style: ErrorStyle = 'openai',
): Response {
  const record = recordForClient(error, request);
  request.fail(record.code);
  return recordResponse(record, style);
}

function recordResponse(record: ErrorRecord, style: ErrorStyle): Response {
  const { row } = errorFromRecord(record);
  const headers = new Headers({ 'content-type': 'application/json' });
  const seconds = record.details['retryAfterS'];
  if (row.httpStatus === 503 || (row.httpStatus === 429 && seconds !== undefined)) {
    headers.set(
      'retry-after',
      String(typeof seconds === 'number' ? seconds : DEFAULT_RETRY_AFTER_S),
    );
  }
  const allow = record.details['allow'];
  if (record.code === 'E_METHOD' && typeof allow === 'string') headers.set('allow', allow);
  return new Response(JSON.stringify(BODIES[style](record)), { status: row.httpStatus, headers });
}
