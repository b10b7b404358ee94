/**
 * Reports failures where they happen: one line of JSON in the log of the script that failed, and the record
 * that may leave it. An error without a code leaves without its message, which may contain anything.
 */
import { EngineError, errorToRecord } from '../../engine/base/errors.ts';
import type { ErrorParty, ErrorRecord } from '../../engine/base/errors.ts';

/** The request that a call belongs to; passed along with every call between scripts. */
export interface CallContext {
  /** The request's id, as in the header "x-request-id". */
  readonly requestId: string;
  /** Who asks, where callers are known: those who wait for an engine take turns by it. */
  readonly subject?: string;
}

/** Context of a call that belongs to no request (alarms, tests). */
export const NO_REQUEST: CallContext = { requestId: 'none' };

export interface Place extends CallContext {
  /** Script and method, such as "stage.embed". */
  readonly place: string;
}

const REDACTED = 'internal error: the server failed unexpectedly; its log has the particulars.';
/** Lines of a stack that are logged: its places, never the message above them. */
const MAX_STACK_LINES = 8;

/**
 * Logs `error` with its code and place, never with the contents of a request.
 * @returns the record that may cross to another script or to a client
 */
export function reportFailure(error: unknown, { place, requestId }: Place): ErrorRecord {
  const isCoded = error instanceof EngineError;
  const record: ErrorRecord = isCoded
    ? withoutCause(error)
    : { code: 'E_INTERNAL', message: REDACTED, param: null, details: {} };
  const isCallers = isCoded && error.row.party === 'caller';
  const line = JSON.stringify({
    event: 'failure',
    place,
    code: record.code,
    request_id: requestId,
    ...(isCallers ? {} : causeOf(error)),
  });
  if (isCallers) console.log(line);
  else console.error(line);
  return record;
}

/** Who may be told what caused an error: whoever sent or imported what it is about. */
const CAUSE_STAYS: ReadonlySet<ErrorParty> = new Set(['system', 'us']);

/** An error of ours or of the platform may quote its cause, which must not leave the script. */
function withoutCause(error: EngineError): ErrorRecord {
  const record = errorToRecord(error);
  const { cause, row } = error;
  if (!(cause instanceof Error) || cause instanceof EngineError) return record;
  if (cause.message === '' || !CAUSE_STAYS.has(row.party)) return record;
  return { ...record, message: record.message.replaceAll(cause.message, '(see the log)') };
}

/** The root cause: its kind of error, and where it was thrown. */
function causeOf(error: unknown): { cause: string; at: readonly string[] } {
  let root = error;
  while (root instanceof Error && root.cause !== undefined) root = root.cause;
  if (!(root instanceof Error)) return { cause: typeof root, at: [] };
  const lines = (root.stack ?? '').split('\n').map((text) => text.trim());
  return {
    cause: root.name,
    at: lines.filter((text) => text.startsWith('at ')).slice(0, MAX_STACK_LINES),
  };
}
