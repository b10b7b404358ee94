/** Parameters of the APIs that would change the answer and are not supported: refused by name. */
import { invalidField } from '../../platform/invalid-field.ts';

interface Passes {
  readonly text: string;
  readonly test: (value: unknown) => boolean;
}

export interface RefusedParameter {
  readonly name: string;
  /** Values that are accepted since they ask for nothing; empty lists and objects always are. */
  readonly passes?: Passes;
  /** The message, where "is not supported yet" is not right. */
  readonly why?: string;
}

const refused = (name: string): RefusedParameter => ({ name });

const isOneOf = (...values: readonly unknown[]): Passes => ({
  text: values.map((value) => JSON.stringify(value)).join(' or '),
  test: (value) => values.some((one) => JSON.stringify(one) === JSON.stringify(value)),
});

const TOOLS: readonly RefusedParameter[] = [
  refused('tools'),
  { name: 'tool_choice', passes: isOneOf('none', 'auto') },
];
const SUFFIX: RefusedParameter = {
  name: 'suffix',
  why: 'is not supported: texts are only continued, never filled in; expected it to be absent',
};

const MODERATION: RefusedParameter = {
  name: 'moderation',
  why: "is not supported: texts are judged as the deployment's policy says, and by POST /v1/moderations; expected it to be absent",
};

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

export const CHAT_REFUSED: readonly RefusedParameter[] = [
  SUFFIX,
  refused('audio'),
  { name: 'best_of', passes: isOneOf(1) },
  refused('function_call'),
  refused('functions'),
  { name: 'modalities', passes: isOneOf(['text']) },
  MODERATION,
  refused('web_search_options'),
];

export const COMPLETION_REFUSED: readonly RefusedParameter[] = [...TOOLS, SUFFIX];

export const RESPONSES_REFUSED: readonly RefusedParameter[] = [
  refused('context_management'),
  refused('max_tool_calls'),
  MODERATION,
  refused('personality'),
  refused('prompt'),
];

export const MESSAGES_REFUSED: readonly RefusedParameter[] = [
  refused('container'),
  refused('mcp_servers'),
  refused('output_format'),
];

function isEmpty(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length === 0;
}

/** @throws {EngineError} E_REQUEST_INVALID naming the first parameter that is refused. */
export function refuseParameters(body: unknown, rows: readonly RefusedParameter[]): void {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return;
  for (const { name, passes, why } of rows) {
    const value: unknown = Object.hasOwn(body, name) ? Reflect.get(body, name) : undefined;
    if (value === undefined || value === null || isEmpty(value)) continue;
    if (passes?.test(value) === true) continue;
    const or = passes === undefined ? '' : ` or ${passes.text}`;
    const what = why ?? `is not supported yet; expected it to be absent${or}`;
    throw invalidField(name, what, { details: { reason: 'unsupported_parameter' } });
  }
}
