/**
 * How model families write tool calls: a row each. A call is
 * `open` name `middle` arguments `close`; an answer with calls is `start` call (`between` call)* `end`.
 */

export interface ToolFormat {
  readonly name: string;
  /** Whether a chat template speaks it. */
  readonly speaks: (template: string) => boolean;
  /** Free text ends where this begins; `start` + `open` begins with it. */
  readonly trigger: string;
  readonly start: string;
  readonly open: string;
  readonly middle: string;
  readonly close: string;
  readonly between: string;
  readonly end: string;
  readonly maxCalls: number | null;
  /** What differs where an answer without calls is JSON that could begin as a call does. */
  readonly besideJson?: Partial<ToolFormat>;
  /** Templates refuse ids of calls that are not of this many letters and digits. */
  readonly idChars?: number;
}

/** How the calls of one answer are written and found. */
export interface CallSyntax {
  readonly format: ToolFormat;
  /** An answer begins with a call or has none: what looks like one further on is text. */
  readonly isAtStart: boolean;
}

const tagged = {
  trigger: '<tool_call>',
  start: '',
  open: '<tool_call>\n{"name": "',
  middle: '", "arguments": ',
  close: '}\n</tool_call>',
  between: '\n',
  end: '',
  maxCalls: null,
} as const;

/** The first row that speaks a template's language counts; the last speaks every one. */
export const TOOL_FORMATS: readonly ToolFormat[] = [
  // Hermes 2 Pro and after, Qwen 2.5 and 3.
  { ...tagged, name: 'hermes', speaks: (template) => template.includes('<tool_call>') },
  // Mistral from 7B v0.3 on; the trigger is a token of its own.
  {
    name: 'mistral',
    speaks: (template) => template.includes('[TOOL_CALLS]'),
    trigger: '[TOOL_CALLS]',
    start: '[TOOL_CALLS][',
    open: '{"name": "',
    middle: '", "arguments": ',
    close: '}',
    between: ', ',
    end: ']',
    maxCalls: null,
    idChars: 9,
  },
  // Llama 3.1 and after: one call, bare.
  {
    name: 'llama',
    speaks: (template) => template.includes('<|python_tag|>') || template.includes('ipython'),
    trigger: '{"name": "',
    start: '',
    open: '{"name": "',
    middle: '", "parameters": ',
    close: '}',
    between: '',
    end: '',
    maxCalls: 1,
    // The family's own mark of a call, which its templates leave out.
    besideJson: { trigger: '<|python_tag|>', open: '<|python_tag|>{"name": "' },
  },
  // Templates that know no tools are told of this in a system message.
  { ...tagged, name: 'generic', speaks: () => true },
];

export function toolFormatOf(template: string | null): ToolFormat {
  return TOOL_FORMATS.find(({ speaks }) => speaks(template ?? ''))!;
}

/** A format as it is written where answers without calls are held to JSON, a pattern or a grammar. */
export function besideJson(format: ToolFormat): ToolFormat {
  return { ...format, ...format.besideJson };
}

/** Tokens that are special in some vocabularies and text in calls. */
export const TRIGGERS: ReadonlySet<string> = new Set(
  TOOL_FORMATS.flatMap((format) => [format.trigger, besideJson(format).trigger]),
);
