/**
 * `@huggingface/jinja` with a budget: each evaluation costs a step, each list that is walked its
 * length, each text its length in KiB. A template that loops or grows is ended by an exception.
 * Loops over lists yield between passes of their body, so that a long conversation holds nobody. Knows Jinja, not chats.
 */
import * as jinja from '@huggingface/jinja';
import type { Steps } from '../base/turns.ts';

/** The part of the library that is used; its own type files do not resolve under NodeNext. */
interface JinjaNode {
  readonly type: string;
  readonly iterable?: JinjaNode;
  readonly operand?: JinjaNode;
  readonly lhs?: JinjaNode;
  readonly loopvar?: JinjaNode;
  readonly test?: JinjaNode;
  readonly alternate?: readonly JinjaNode[];
  readonly defaultBlock?: readonly JinjaNode[];
  readonly body?: readonly JinjaNode[];
  readonly value?: unknown;
}
interface JinjaValue {
  readonly type: string;
  readonly value: unknown;
  __bool__(): { readonly value: boolean };
  toString(): string;
}
interface JinjaEnvironment {
  set(name: string, value: unknown): JinjaValue;
  setVariable(name: string, value: JinjaValue): void;
}
interface JinjaInterpreter {
  readonly global: JinjaEnvironment;
  evaluate(node: JinjaNode | undefined, environment: JinjaEnvironment): JinjaValue;
}
interface JinjaLibrary {
  readonly Environment: new (parent?: JinjaEnvironment) => JinjaEnvironment;
  readonly Interpreter: new (environment: JinjaEnvironment) => JinjaInterpreter;
  parse(tokens: unknown): JinjaNode;
  tokenize(source: string, options: Record<string, boolean>): unknown;
}

const library = jinja as unknown as JinjaLibrary;

export type JinjaProgram = JinjaNode;

export const MAX_TEMPLATE_STEPS = 500_000;
export const MAX_TEMPLATE_CHARS = 8 * 1024 * 1024;
export const MAX_TEMPLATE_ITEMS = 100_000;
/** Steps between two turns. */
const STEPS_A_TURN = 5000;

export class TemplateBudgetError extends Error {}

export function parseJinja(source: string): JinjaProgram {
  return library.parse(library.tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
}

/** @throws {TemplateBudgetError} and whatever the template raises. */
export function* jinjaSteps(
  program: JinjaProgram,
  globals: Readonly<Record<string, unknown>>,
): Steps<string> {
  const environment = new library.Environment();
  const interpreter = new BoundedInterpreter(environment);
  const range = (start: number, stop?: number, step?: number): number[] =>
    interpreter.range(start, stop, step);
  const all = { true: true, True: true, false: false, False: false, none: null, None: null, range };
  for (const [name, value] of Object.entries({ ...all, ...globals })) environment.set(name, value);
  yield;
  return yield* interpreter.runSteps(program);
}

/** What the library throws to leave a loop's body; it exports neither class. */
function controlError(type: 'Break' | 'Continue'): new () => Error {
  const environment = new library.Environment();
  try {
    new library.Interpreter(environment).evaluate({ type }, environment);
  } catch (error) {
    return (error as Error).constructor as new () => Error;
  }
  throw new Error(`@huggingface/jinja: ${type} no longer throws`);
}

const BreakError = controlError('Break');
const ContinueError = controlError('Continue');

class BoundedInterpreter extends library.Interpreter {
  #steps = 0;
  #stepsAtTurn = 0;
  /** Nodes whose value is walked item by item. */
  readonly #walked = new WeakSet<JinjaNode>();

  *runSteps(program: JinjaProgram): Steps<string> {
    return yield* this.#blockSteps(program.body, this.global);
  }

  /** The library's evaluateBlock, in parts. */
  *#blockSteps(
    statements: readonly JinjaNode[] | undefined,
    environment: JinjaEnvironment,
  ): Steps<string> {
    let text = '';
    for (const statement of statements ?? []) {
      if (statement.type === 'If') text += yield* this.#ifSteps(statement, environment);
      else if (isPlainLoop(statement)) text += yield* this.#loopSteps(statement, environment);
      else text += textOf(this.evaluate(statement, environment));
      if (this.#steps - this.#stepsAtTurn < STEPS_A_TURN) continue;
      this.#stepsAtTurn = this.#steps;
      yield;
    }
    return text;
  }

  *#ifSteps(node: JinjaNode, environment: JinjaEnvironment): Steps<string> {
    this.#spend(1);
    const holds = this.evaluate(node.test, environment).__bool__().value;
    return yield* this.#blockSteps(holds ? node.body : node.alternate, environment);
  }

  /** The library's evaluateFor over a list with one variable, in parts; whatever else is walked goes to the library. */
  *#loopSteps(node: JinjaNode, environment: JinjaEnvironment): Steps<string> {
    this.#spend(1);
    this.#walked.add(node.iterable!);
    const scope = new library.Environment(environment);
    const list = this.evaluate(node.iterable, scope);
    if (list.type !== 'ArrayValue') return textOf(this.evaluate(node, environment));
    const items = list.value as readonly JinjaValue[];
    let text = '';
    let nEnded = 0;
    for (const [index, item] of items.entries()) {
      setLoop(scope, items, index);
      scope.setVariable(node.loopvar!.value as string, item);
      try {
        text += yield* this.#blockSteps(node.body, scope);
        nEnded++;
      } catch (error) {
        if (error instanceof BreakError) break;
        if (!(error instanceof ContinueError)) throw error;
      }
    }
    return nEnded > 0 ? text : text + (yield* this.#blockSteps(node.defaultBlock, scope));
  }

  override evaluate(node: JinjaNode | undefined, environment: JinjaEnvironment): JinjaValue {
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

/** A loop over a whole value with one variable, as nearly all are. */
function isPlainLoop({ type, iterable, loopvar }: JinjaNode): boolean {
  return type === 'For' && iterable?.type !== 'SelectExpression' && loopvar?.type === 'Identifier';
}

/** The variable `loop` of Jinja, as the library makes it. */
function setLoop(scope: JinjaEnvironment, items: readonly JinjaValue[], index: number): void {
  const { length } = items;
  const loop = new library.Environment().set('loop', {
    ...{ index: index + 1, index0: index, revindex: length - index, revindex0: length - index - 1 },
    ...{ first: index === 0, last: index === length - 1, length },
    ...{ previtem: undefined, nextitem: undefined },
  });
  const fields = loop.value as Map<string, JinjaValue>;
  const [before, after] = [items[index - 1], items[index + 1]];
  if (before !== undefined) fields.set('previtem', before);
  if (after !== undefined) fields.set('nextitem', after);
  scope.setVariable('loop', loop);
}

function textOf(value: JinjaValue): string {
  return value.type === 'NullValue' || value.type === 'UndefinedValue' ? '' : value.toString();
}
