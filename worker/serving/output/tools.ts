/** What a request says of tools, in one form whichever API said it. */
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

/** Calls in one answer: a model that cannot stop is stopped. */
export const MAX_CALLS = 8;

export interface Tool {
  readonly name: string;
  readonly description: string;
  /** A JSON Schema of an object. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface ToolUse {
  readonly tools: readonly Tool[];
  /** Whether calls may come, must come, or must be of one function. */
  readonly choice: 'auto' | 'required' | { readonly name: string };
  readonly isParallel: boolean;
  /** Where a tool's schema stands in the request. */
  readonly schemaParam: (index: number) => string;
}

interface ToolRow {
  readonly name: string;
  readonly description?: string | undefined;
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Null when nothing is to be called.
 * @throws {EngineError} E_REQUEST_INVALID for two tools of one name, a choice that names none
 */
export function toolUse(
  rows: readonly ToolRow[],
  choice: 'none' | ToolUse['choice'],
  isParallel: boolean,
  schemaParam: ToolUse['schemaParam'],
): ToolUse | null {
  checkNames(rows, choice);
  if (rows.length === 0 || choice === 'none') return null;
  const tools = rows.map(({ name, description = '', parameters = {} }, index) => {
    const type = parameters['type'];
    if (type !== undefined && type !== 'object')
      throw invalidField(
        schemaParam(index),
        `type; expected "object", got ${JSON.stringify(type).slice(0, 40)}: arguments are an object`,
      );
    return { name, description, parameters: { ...parameters, type: 'object' } };
  });
  return { tools, choice, isParallel, schemaParam };
}

function checkNames(rows: readonly ToolRow[], choice: 'none' | ToolUse['choice']): void {
  const names = new Set<string>();
  for (const { name } of rows) {
    if (names.has(name))
      throw invalidField('tools', `"${name}" is there twice; expected unique names`);
    names.add(name);
  }
  if (typeof choice === 'object' && !names.has(choice.name))
    throw invalidField(
      'tool_choice',
      `"${choice.name}" is none of the tools; expected one of them`,
    );
  if (choice !== 'none' && choice !== 'auto' && rows.length === 0)
    throw invalidField('tool_choice', 'asks for a call, but there are no tools; expected "tools"');
}

/**
 * Answers with calls as a grammar; without a call the answer is as `without` says, or free text.
 * @throws {EngineError} E_REQUEST_INVALID naming what of a schema is not honoured
 */
export function toolGrammar(use: ToolUse, format: ToolFormat, without: Grammar | null): Grammar {
  const { choice } = use;
  const callable = use.tools.flatMap((tool, index) =>
    typeof choice === 'object' && choice.name !== tool.name
      ? []
      : [bodyOf(use, tool, index, format)],
  );
  const body = choiceGrammar(callable);
  const first = (format.start + format.open).slice(format.trigger.length);
  const next = sequenceGrammar([literalGrammar(format.between + format.open), body]);
  const isSingle = !use.isParallel || typeof choice === 'object' || format.maxCalls === 1;
  const calls = sequenceGrammar([
    literalGrammar(first),
    body,
    ...(isSingle ? [] : [repeatGrammar(next, 0, MAX_CALLS - 1)]),
    literalGrammar(format.end),
  ]);
  const called = sequenceGrammar([literalGrammar(format.trigger), calls]);
  if (choice !== 'auto') return called;
  if (without !== null) return choiceGrammar([without, called]);
  const triggers = [format.trigger];
  return choiceGrammar([textWithout(triggers), sequenceGrammar([textUntil(triggers), calls])]);
}

/** A call from its name on. */
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

/** Keywords beside which an object's own properties are not all that it may have. */
const OPENING = ['additionalProperties', 'patternProperties', '$ref', 'allOf', 'anyOf', 'oneOf'];

/**
 * Functions have the arguments that their schemas name, and none if they name none: JSON Schema would
 * let a model invent more. A schema that says itself what else there may be stays as it is.
 */
function closed(schema: Tool['parameters']): Tool['parameters'] {
  const isOpen = OPENING.some((keyword) => Object.hasOwn(schema, keyword));
  return isOpen ? schema : { ...schema, additionalProperties: false };
}
