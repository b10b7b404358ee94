/** Rows that cannot be used: each named with its line, field, value and fix, counted, and refused at once if strict. */
import { EngineError } from '../../engine/base/errors.ts';

/** Shown of a value. */
const MAX_VALUE_CHARS = 80;
/** Kept in words; more are counted. */
const MAX_KEPT = 20;

export interface Problem {
  readonly file: string;
  readonly line: number;
  /** Null for the row as a whole. */
  readonly field: string | null;
  readonly value: unknown;
  readonly problem: string;
  /** An imperative sentence. */
  readonly fix: string;
}

export class Problems {
  readonly #isStrict: boolean;
  readonly #kept: Problem[] = [];
  readonly #counts = new Map<string, number>();
  #n = 0;

  constructor(isStrict = false) {
    this.#isStrict = isStrict;
  }

  get count(): number {
    return this.#n;
  }

  /** The first ones. */
  get kept(): readonly Problem[] {
    return this.#kept;
  }

  /** How many of each kind. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** @throws {EngineError} E_DATA_INVALID for the first one, if strict */
  add(problem: Problem): void {
    if (this.#isStrict) throw invalidData(describeProblem(problem), { ...problem });
    this.#n++;
    this.#counts.set(problem.problem, (this.#counts.get(problem.problem) ?? 0) + 1);
    if (this.#kept.length < MAX_KEPT) this.#kept.push(problem);
  }
}

/** `rows.jsonl:3: text: is not a string; got 7. Make it a string.` */
export function describeProblem({ file, line, field, value, problem, fix }: Problem): string {
  const at = field === null ? '' : ` ${field}:`;
  const got = value === undefined ? '' : `; got ${shownValue(value)}`;
  // Control characters of data or of names must not steer a terminal.
  return `${file}:${line}:${at} ${problem}${got}. ${fix}`.replaceAll(/\p{C}/gu, ' ');
}

/** A value in a line, cut off; never longer whatever it is. */
function shownValue(value: unknown): string {
  const text = typeof value === 'string' ? value.slice(0, MAX_VALUE_CHARS + 1) : shownJson(value);
  const shown = typeof value === 'string' ? JSON.stringify(text) : text;
  return shown.length <= MAX_VALUE_CHARS ? shown : `${shown.slice(0, MAX_VALUE_CHARS)}...`;
}

function shownJson(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null)
    return `an object of ${Object.keys(value).length} fields`;
  return String(value);
}

export function invalidData(message: string, details: Record<string, unknown> = {}): EngineError {
  return new EngineError('E_DATA_INVALID', `data: ${message}`, { details });
}
