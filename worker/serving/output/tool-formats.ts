/**
 * How model families write tool calls, a row per family. A call is
 * `open` name `middle` arguments `close`; an answer with calls is `start` call (`between` call)* `end`.
 */

export interface ToolFormat {
  readonly name: string;
  /** Whether a chat template uses the format. */
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
  /** Changes for answers where JSON without a call could begin like a call. */
  readonly besideJson?: Partial<ToolFormat>;
  /** Exact number of letters and digits in ids of calls, where templates demand it. */
  readonly idChars?: number;
}

/** How the calls of one answer are written and found. */
export interface CallSyntax {
  readonly format: ToolFormat;
  /** Whether calls come first or not at all, so that later text like a call is text. */
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

/** The first row that matches a template is used; the last one matches every template. */
export const TOOL_FORMATS: readonly ToolFormat[] = [
  // Hermes 2 Pro and later, Qwen 2.5 and 3.
  { ...tagged, name: 'hermes', speaks: (template) => template.includes('<tool_call>') },
  // Mistral 7B v0.3 and later; the trigger is a single token.
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
  // Llama 3.1 and later: one bare call.
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
    // The family's own mark of a call, which its templates omit.
    besideJson: { trigger: '<|python_tag|>', open: '<|python_tag|>{"name": "' },
  },
  // For templates without tools; a system message describes this format.
  { ...tagged, name: 'generic', speaks: () => true },
];

export function toolFormatOf(template: string | null): ToolFormat {
  return TOOL_FORMATS.find(({ speaks }) => speaks(template ?? ''))!;
}

/** The format where answers without calls must match JSON, a pattern or a grammar. */
export function besideJson(format: ToolFormat): ToolFormat {
  return { ...format, ...format.besideJson };
}

/** Triggers that are special tokens in some vocabularies. */
export const TRIGGERS: ReadonlySet<string> = new Set(
  TOOL_FORMATS.flatMap((format) => [format.trigger, besideJson(format).trigger]),
);
