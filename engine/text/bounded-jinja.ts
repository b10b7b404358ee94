/**
 * `@huggingface/jinja` with a budget: each evaluation costs a step, each list that is walked its
 * length, each text its length in KiB. A template that loops or grows is ended by an exception.
 * Knows Jinja, not chats.
 */
import * as jinja from '@huggingface/jinja';

/** The part of the library that is used; its own type files do not resolve under NodeNext. */
interface JinjaNode {
  readonly type: string;
  readonly iterable?: JinjaNode;
  readonly operand?: JinjaNode;
  readonly lhs?: JinjaNode;
}
interface JinjaEnvironment {
  set(name: string, value: unknown): unknown;
}
interface JinjaInterpreter {
  run(program: JinjaNode): { readonly value: unknown };
  evaluate(node: JinjaNode | undefined, environment: JinjaEnvironment): { readonly value: unknown };
}
interface JinjaLibrary {
  readonly Environment: new () => JinjaEnvironment;
  readonly Interpreter: new (environment: JinjaEnvironment) => JinjaInterpreter;
  parse(tokens: unknown): JinjaNode;
  tokenize(source: string, options: Record<string, boolean>): unknown;
}

const library = jinja as unknown as JinjaLibrary;

export type JinjaProgram = JinjaNode;

export const MAX_TEMPLATE_STEPS = 500_000;
export const MAX_TEMPLATE_CHARS = 8 * 1024 * 1024;
export const MAX_TEMPLATE_ITEMS = 100_000;

export class TemplateBudgetError extends Error {}

export function parseJinja(source: string): JinjaProgram {
  return library.parse(library.tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
}

/** @throws {TemplateBudgetError} and whatever the template raises. */
export function runJinja(
  program: JinjaProgram,
  globals: Readonly<Record<string, unknown>>,
): string {
  const environment = new library.Environment();
  const interpreter = new BoundedInterpreter(environment);
  const range = (start: number, stop?: number, step?: number): number[] =>
    interpreter.range(start, stop, step);
  const all = { true: true, True: true, false: false, False: false, none: null, None: null, range };
  for (const [name, value] of Object.entries({ ...all, ...globals })) environment.set(name, value);
  return String(interpreter.run(program).value);
}

class BoundedInterpreter extends library.Interpreter {
  #steps = 0;
  /** Nodes whose value is walked item by item. */
  readonly #walked = new WeakSet<JinjaNode>();

  override evaluate(
    node: JinjaNode | undefined,
    environment: JinjaEnvironment,
  ): { readonly value: unknown } {
    this.#spend(1);
    for (const part of [node?.iterable, node?.iterable?.lhs, node?.operand, node?.lhs])
      if (part !== undefined) this.#walked.add(part);
    const result = super.evaluate(node, environment);
    this.#spendOn(result.value, node !== undefined && this.#walked.has(node));
    return result;
  }

  range(start: number, stop?: number, step?: number): number[] {
    // Keyword arguments arrive as a last value that is not a number.
    const [from, to] = typeof stop === 'number' ? [start, stop] : [0, start];
    const stride = typeof step === 'number' ? step : 1;
    const length = Math.max(0, Math.ceil((to - from) / stride));
    if (!(stride !== 0 && length <= MAX_TEMPLATE_ITEMS))
      throw new TemplateBudgetError(`asks for a range of more than ${MAX_TEMPLATE_ITEMS} numbers`);
    this.#spend(length);
    return Array.from({ length }, (_, index) => from + index * stride);
  }

  #spendOn(value: unknown, isWalked: boolean): void {
    if (typeof value === 'string') {
      if (value.length > MAX_TEMPLATE_CHARS)
        throw new TemplateBudgetError(`makes a text of more than ${MAX_TEMPLATE_CHARS} characters`);
      this.#spend(value.length >>> 10);
    } else if (Array.isArray(value)) {
      if (value.length > MAX_TEMPLATE_ITEMS)
        throw new TemplateBudgetError(`makes a list of more than ${MAX_TEMPLATE_ITEMS} items`);
      if (isWalked) this.#spend(value.length);
    }
  }

  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_TEMPLATE_STEPS)
      throw new TemplateBudgetError(`takes more than ${MAX_TEMPLATE_STEPS} steps: does it loop?`);
  }
}
