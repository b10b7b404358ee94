/** The tools of a request, in one form for all APIs. */
import { atOnce } from '../../../engine/base/turns.ts';
import type { Steps } from '../../../engine/base/turns.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import {
  choiceGrammar,
  compileJsonSchema,
  type Grammar,
  literalGrammar,
  repeatGrammar,
  sequenceGrammar,
  textUntil,
  textWithout,
} from '../../../engine/grammar/index.ts';
import type { ToolFormat } from './tool-formats.ts';

/** Most calls in one answer, for models that do not stop. */
export const MAX_CALLS = 8;

export interface Tool {
  readonly name: string;
  readonly description: string;
  /** A JSON Schema of an object. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface ToolUse {
  readonly tools: readonly Tool[];
  /** Whether the model may call, must call, or must call one function. */
  readonly choice: 'auto' | 'required' | { readonly name: string };
  readonly isParallel: boolean;
  /** Names of the tools that may be called; absent for all. */
  readonly allowed?: readonly string[];
  /** Path of a tool's schema in the request. */
  readonly schemaParam: (index: number) => string;
}

/** What a request says: the prompt shows all tools, and `allowed` are those that may be called. */
export type ToolChoice =
  | 'none'
  | ToolUse['choice']
  | { readonly mode: 'auto' | 'required'; readonly allowed: readonly string[] };

interface ToolRow {
  readonly name: string;
  readonly description?: string | undefined;
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The tools that may be called; null when there are none.
 * @throws {EngineError} E_REQUEST_INVALID for two tools with one name, or a choice of an unknown tool
 */
export function toolUse(
  rows: readonly ToolRow[],
  asked: ToolChoice,
  isParallel: boolean,
  schemaParam: ToolUse['schemaParam'],
): ToolUse | null {
  checkNames(rows, asked);
  const isLimited = typeof asked === 'object' && 'allowed' in asked;
  const choice = isLimited ? asked.mode : asked;
  const limit = isLimited ? { allowed: asked.allowed } : {};
  if (rows.length === 0 || choice === 'none') return null;
  const tools = rows.map(({ name, description = '', parameters = {} }, index) => {
    const type = parameters['type'];
    if (type !== undefined && type !== 'object')
      throw invalidField(
        schemaParam(index),
        `type; expected "object", got ${JSON.stringify(type).slice(0, 40)}, since arguments are an object`,
      );
    return { name, description, parameters: { ...parameters, type: 'object' } };
  });
  return { tools, choice, isParallel, ...limit, schemaParam };
}

function checkNames(rows: readonly ToolRow[], choice: ToolChoice): void {
  const names = new Set<string>();
  for (const { name } of rows) {
    if (names.has(name))
      throw invalidField('tools', `"${name}" is there twice; expected unique names`);
    names.add(name);
  }
  const chosen =
    typeof choice !== 'object' ? [] : 'allowed' in choice ? choice.allowed : [choice.name];
  const unknown = chosen.find((name) => !names.has(name));
  if (unknown !== undefined)
    throw invalidField('tool_choice', `"${unknown}" is none of the tools; expected one of them`);
  if (choice !== 'none' && choice !== 'auto' && rows.length === 0)
    throw invalidField('tool_choice', 'asks for a call, but there are no tools; expected "tools"');
}

/**
 * The grammar of answers with calls; an answer without a call matches `without`, or is free text.
 * @throws {EngineError} E_REQUEST_INVALID naming the part of a schema that is not supported
 */
export function toolGrammar(use: ToolUse, format: ToolFormat, without: Grammar | null): Grammar {
  return atOnce(toolGrammarSteps(use, format, without));
}

/** `toolGrammar` in parts: a schema each, and the whole in some more. */
export function* toolGrammarSteps(
  use: ToolUse,
  format: ToolFormat,
  without: Grammar | null,
): Steps<Grammar> {
  const { choice } = use;
  const callable: Grammar[] = [];
  for (const [index, tool] of use.tools.entries()) {
    if (typeof choice === 'object' && choice.name !== tool.name) continue;
    if (use.allowed?.includes(tool.name) === false) continue;
    callable.push(bodyOf(use, tool, index, format));
    yield;
  }
  const body = choiceGrammar(callable);
  yield;
  const first = (format.start + format.open).slice(format.trigger.length);
  const next = sequenceGrammar([literalGrammar(format.between + format.open), body]);
  yield;
  const isSingle = !use.isParallel || typeof choice === 'object' || format.maxCalls === 1;
  const calls = sequenceGrammar([
    literalGrammar(first),
    body,
    ...(isSingle ? [] : [repeatGrammar(next, 0, MAX_CALLS - 1)]),
    literalGrammar(format.end),
  ]);
  yield;
  const called = sequenceGrammar([literalGrammar(format.trigger), calls]);
  if (choice !== 'auto') return called;
  yield;
  if (without !== null) return choiceGrammar([without, called]);
  const triggers = [format.trigger];
  return choiceGrammar([textWithout(triggers), sequenceGrammar([textUntil(triggers), calls])]);
}

/** The rest of a call, from its name on. */
function bodyOf(use: ToolUse, tool: Tool, index: number, format: ToolFormat): Grammar {
  return sequenceGrammar([
    literalGrammar(tool.name + format.middle),
    compileJsonSchema(closed(tool.parameters), {
      param: use.schemaParam(index),
      isClosed: true,
    }),
    literalGrammar(format.close),
  ]);
}

/** Keywords that may allow more than an object's own `properties`. */
const OPENING = ['additionalProperties', 'patternProperties', '$ref', 'allOf', 'anyOf', 'oneOf'];

/**
 * Allows only the arguments that the schema names, or none if it names none: JSON Schema would
 * let a model invent more. A schema that says what else is allowed stays as it is.
 */
function closed(schema: Tool['parameters']): Tool['parameters'] {
  const isOpen = OPENING.some((keyword) => Object.hasOwn(schema, keyword));
  return isOpen ? schema : { ...schema, additionalProperties: false };
}
