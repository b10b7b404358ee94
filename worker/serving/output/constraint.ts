/** Compiles the formats that requests demand of their answers. Recent grammars are cached. */
import { atOnce } from '../../../engine/base/turns.ts';
import type { Steps } from '../../../engine/base/turns.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { RecentCache } from '../../../engine/base/recent-cache.ts';
import type { ConstraintRequest } from '../../../engine/generate/constraint.ts';
import {
  compileGbnf,
  compileJsonSchema,
  compileRegex,
  type Grammar,
  JSON_OBJECT_GRAMMAR,
} from '../../../engine/grammar/index.ts';
import type { ServedModel } from '../models/model-store.ts';
import type { ResponseFormat, TextFormat } from '../fields/output.ts';
import { besideJson, type CallSyntax, toolFormatOf } from './tool-formats.ts';
import { toolGrammarSteps, type ToolUse } from './tools.ts';

/** A format of an answer, and the field that demands it. */
export interface FormatSource {
  readonly kind: keyof typeof COMPILERS;
  readonly source: unknown;
  readonly param: string;
}

const COMPILERS = {
  json: () => JSON_OBJECT_GRAMMAR,
  schema: (source: unknown, param: string) => compileJsonSchema(source, { param, isClosed: true }),
  regex: (source: unknown, param: string) => compileRegex(String(source), param),
  gbnf: (source: unknown, param: string) => compileGbnf(String(source), param),
} as const;

/** Fields of the APIs; undefined where absent. */
interface FormatFields {
  readonly grammar?: string | undefined;
  readonly regex?: string | undefined;
}

/**
 * The one format that the fields ask for; null for free text.
 * @throws {EngineError} E_REQUEST_INVALID when two fields ask for a format
 */
export function formatSource(
  { grammar, regex }: FormatFields,
  structured: FormatSource | null = null,
): FormatSource | null {
  const asked: FormatSource[] = [];
  if (structured !== null) asked.push(structured);
  if (grammar !== undefined) asked.push({ kind: 'gbnf', source: grammar, param: 'grammar' });
  if (regex !== undefined) asked.push({ kind: 'regex', source: regex, param: 'regex' });
  const [first, second] = asked;
  if (second !== undefined)
    throw invalidField(second.param, `contradicts ${first!.param}; expected one of them`);
  return first ?? null;
}

/** Format of OpenAI's chat completions. */
export function chatFormat(format: ResponseFormat | undefined): FormatSource | null {
  if (format === undefined || format.type === 'text') return null;
  if (format.type !== 'json_schema') return anyObject(format, 'response_format');
  const param = 'response_format.json_schema.schema';
  return { kind: 'schema', source: format.json_schema.schema, param };
}

/** Any object, or one that matches the schema that came with the type. */
function anyObject(
  { schema }: { readonly schema?: Readonly<Record<string, unknown>> | undefined },
  param: string,
): FormatSource {
  if (schema === undefined) return { kind: 'json', source: null, param };
  return { kind: 'schema', source: schema, param: `${param}.schema` };
}

/** Format of OpenAI's responses and Anthropic's messages. */
export function textFormat(
  format: TextFormat | null | undefined,
  param: string,
): FormatSource | null {
  if (format == null || format.type === 'text') return null;
  if (format.type !== 'json_schema') return anyObject(format, param);
  return { kind: 'schema', source: format.schema, param: `${param}.schema` };
}

/** How calls are written and found in an answer; null when there are no tools. */
export function callSyntax(
  model: ServedModel,
  format: FormatSource | null,
  tools: ToolUse | null,
): CallSyntax | null {
  if (tools === null) return null;
  const own = toolFormatOf(model.manifest.chatTemplate);
  if (format === null) return { format: own, isAtStart: tools.choice !== 'auto' };
  return { format: besideJson(own), isAtStart: true };
}

const MAX_KEPT = 16;
/** Limit of the cached grammars' sources, in characters. */
const MAX_KEPT_CHARS = 1_000_000;
interface KeptGrammar {
  readonly grammar: Grammar;
  readonly nChar: number;
}

const kept = new RecentCache<string, KeptGrammar>({
  maxEntries: MAX_KEPT,
  maxSize: MAX_KEPT_CHARS,
  sizeOf: ({ nChar }) => nChar,
});

/** @throws {EngineError} E_REQUEST_INVALID naming what cannot be honoured */
export function compileConstraint(
  format: FormatSource | null,
  tools: ToolUse | null,
  calls: CallSyntax | null,
): ConstraintRequest | null {
  return atOnce(constraintSteps(format, tools, calls));
}

/** `compileConstraint` in parts. */
export function* constraintSteps(
  format: FormatSource | null,
  tools: ToolUse | null,
  calls: CallSyntax | null,
): Steps<ConstraintRequest | null> {
  if (format === null && tools === null) return null;
  const key = JSON.stringify([format, tools, calls?.format.name]);
  const known = kept.get(key);
  if (known !== undefined) return { key, grammar: known.grammar };
  const grammar = yield* compile();
  // A grammar above the limit would only evict all others.
  if (key.length <= MAX_KEPT_CHARS) kept.set(key, { grammar, nChar: key.length });
  return { key, grammar };

  function* compile(): Steps<Grammar> {
    const text = format === null ? null : COMPILERS[format.kind](format.source, format.param);
    if (tools === null || calls === null) return text!;
    return yield* toolGrammarSteps(tools, calls.format, text);
  }
}
