/**
 * Who asks. What a caller keeps on the server belongs to its subject: names of objects are made from
 * subject and name together, never from what a request says alone.
 */
export interface Caller {
  /** Who it is, as whoever checked it says: letters, digits, "-", "_", "." and ":". */
  readonly subject: string;
}

/** Callers are not told apart yet. */
export const ANONYMOUS: Caller = { subject: 'anonymous' };

/** Name of a caller's object. Two subjects never share one: "/" is in no subject. */
export function objectName({ subject }: Caller, name: string): string {
  return `${subject}/${name}`;
}
