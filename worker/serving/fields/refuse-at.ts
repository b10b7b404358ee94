/** Refusals by a schema that compares fields, each of which is valid by itself. */
import type { z } from 'zod';

/**
 * Refuses a body in a `superRefine` or `transform`.
 * @param path to the field at fault
 * @param message what was expected
 */
export function refuseAt(
  context: z.core.$RefinementCtx<unknown>,
  path: readonly (string | number)[],
  message: string,
): void {
  context.addIssue({ code: 'custom', path: [...path], message });
}

/**
 * A check that compares fields, for `superRefine`: it sees only values whose own checks have passed. After a
 * refusal inside, the fields may be missing or as they were sent.
 */
export function whole<T>(
  check: (value: T, context: z.core.$RefinementCtx<T>) => void,
): (value: T, context: z.core.$RefinementCtx<T>) => void {
  return (value, context) => {
    if (context.issues.length === 0) check(value, context);
  };
}
