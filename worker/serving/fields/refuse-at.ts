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
