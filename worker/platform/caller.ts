/**
 * The caller of a request. What it keeps on the server belongs to its subject: names of objects are made from
 * subject and name together, never from the contents of a request alone.
 */
import type { CallContext } from './failure.ts';

export interface Caller extends CallContext {
  /** Identity of the caller once checked: letters, digits, "-", "_", "." and ":". */
  readonly subject: string;
}

/** Subject of every caller: callers are not distinguished yet. */
export const ANONYMOUS = 'anonymous';

/** The caller of a new request by `subject`. */
export function callerOf(subject: string): Caller {
  return { subject, requestId: `req_${crypto.randomUUID().replaceAll('-', '')}` };
}

/** Name of a caller's object. Subjects never share one, since none contains "/". */
export function objectName({ subject }: Pick<Caller, 'subject'>, name: string): string {
  return `${subject}/${name}`;
}
