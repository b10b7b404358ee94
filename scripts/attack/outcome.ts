/** What came of one request of an attack. */

/** The answer to one request of an attack. */
export interface Outcome {
  /** HTTP status; 0 when the connection broke. */
  readonly status: number;
  /** The error's code; null for an answer without one. */
  readonly code: string | null;
}

export function outcomeOf(status: number, text: string): Outcome {
  if (status < 400) return { status, code: null };
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown } | string };
    const code = typeof error === 'object' ? error.code : undefined;
    return { status, code: typeof code === 'string' ? code : 'uncoded' };
  } catch {
    return { status, code: 'uncoded' };
  }
}
