/**
 * Who asks. What a caller keeps on the server belongs to its subject: names of objects are made from
 * subject and name together, never from what a request says alone.
 */
import type { CallContext } from './failure.ts';

export interface Caller extends CallContext {
  /** Who it is, as whoever checked it says. */
  readonly subject: string;
}

/** Callers are not told apart yet. */
export const ANONYMOUS = 'anonymous';

/** `subject` in a request of its own. */
export function callerOf(subject: string): Caller {
  return { subject, requestId: `req_${crypto.randomUUID().replaceAll('-', '')}` };
}

/** Name of a caller's object. Two subjects never share one: what precedes the first "/" is the subject. */
export function objectName({ subject }: Pick<Caller, 'subject'>, name: string): string {
  return `${encodeURIComponent(subject)}/${name}`;
}
