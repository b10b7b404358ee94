/** Tools from the fields of each API. */
import type {
  ChatToolFields,
  FlatToolChoice,
  MessagesToolFields,
  ResponseToolFields,
} from '../fields/output.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { INPUT_ARGUMENT } from './custom-input.ts';
import { type Tool, type ToolChoice, toolUse, type ToolUse } from './tools.ts';

/** Tools of OpenAI's chat completions; null without any. @throws {EngineError} E_REQUEST_INVALID */
export function chatTools(fields: ChatToolFields): ToolUse | null {
  const { tools = [], tool_choice: choice = 'auto', parallel_tool_calls: parallel = true } = fields;
  return toolUse(
    tools.map((tool) => {
      if (tool.type === 'function') return tool.function;
      const { format } = tool.custom;
      return customRow(tool.custom, format?.type === 'grammar' ? format.grammar.definition : null);
    }),
    chatChoice(choice),
    parallel,
    (index) =>
      tools[index]?.type === 'custom'
        ? `tools[${index}].custom.format.grammar.definition`
        : `tools[${index}].function.parameters`,
  );
}

/** Names of the custom tools: their calls have an input in the place of arguments. */
export function customNames({ tools = [] }: ChatToolFields): ReadonlySet<string> {
  return new Set(tools.flatMap((tool) => (tool.type === 'custom' ? [tool.custom.name] : [])));
}

/** The same of responses. */
export function flatCustomNames({ tools = [] }: ResponseToolFields): ReadonlySet<string> {
  return new Set(tools.flatMap((tool) => (tool.type === 'custom' ? [tool.name] : [])));
}

/** A custom tool as a function of one text. @param pattern that the whole text matches; null for any */
function customRow(
  {
    name,
    description,
  }: { readonly name: string; readonly description?: string | null | undefined },
  pattern: string | null,
) {
  const input = { type: 'string', ...(pattern === null ? {} : { pattern: `^(?:${pattern})$` }) };
  return {
    name,
    description: description ?? undefined,
    parameters: { properties: { [INPUT_ARGUMENT]: input }, required: [INPUT_ARGUMENT] },
  };
}

/** A tool of another server, under a name that no other tool of the request has. */
export interface ServedTool extends Tool {
  readonly serverLabel: string;
  /** Its name on that server. */
  readonly remoteName: string;
  /** Path of the server in the request. */
  readonly param: string;
}

/** Tools of OpenAI's responses. @param served tools of MCP servers @throws {EngineError} E_REQUEST_INVALID */
export function responseTools(
  fields: ResponseToolFields,
  served: readonly ServedTool[] = [],
): ToolUse | null {
  const { tools = [], tool_choice: choice = 'auto', parallel_tool_calls: parallel = true } = fields;
  const places: string[] = [];
  const rows = tools.flatMap((tool, place) => {
    if (tool.type === 'custom') {
      places.push(`tools[${place}].format.definition`);
      const { format } = tool;
      return [customRow(tool, format?.type === 'grammar' ? format.definition : null)];
    }
    if (tool.type !== 'function') return [];
    places.push(`tools[${place}].parameters`);
    const { name, description, parameters } = tool;
    return [{ name, description: description ?? undefined, parameters: parameters ?? undefined }];
  });
  const all = [...rows, ...served];
  // A search is made before the answer, so that nothing else has to be called.
  const isSearch = all.length === 0 && tools.length > 0 && choice === 'required';
  return toolUse(
    all,
    isSearch ? 'auto' : flatChoice(choice, served),
    parallel,
    (index) => places[index] ?? served[index - places.length]?.param ?? 'tools',
  );
}

function chatChoice(choice: NonNullable<ChatToolFields['tool_choice']>): ToolChoice {
  if (typeof choice !== 'object') return choice;
  if (choice.type !== 'allowed_tools') return { name: chosenName(choice) };
  const { mode, tools } = choice.allowed_tools;
  return { mode, allowed: tools.map(chosenName) };
}

type ChosenTool = Extract<ChatToolFields['tool_choice'], { type: 'function' | 'custom' }>;

function chosenName(tool: ChosenTool): string {
  return tool.type === 'function' ? tool.function.name : tool.custom.name;
}

function flatChoice(choice: FlatToolChoice, served: readonly ServedTool[]): ToolChoice {
  if (typeof choice !== 'object') return choice;
  if (choice.type === 'file_search') return 'auto';
  if (choice.type === 'function' || choice.type === 'custom') return { name: choice.name };
  if (choice.type !== 'mcp')
    return { mode: choice.mode, allowed: choice.tools.map(({ name }) => name) };
  const { server_label: label, name } = choice;
  const isMeant = (tool: ServedTool): boolean =>
    tool.serverLabel === label && (name == null || tool.remoteName === name);
  const allowed = served.filter(isMeant).map((tool) => tool.name);
  if (allowed.length === 0)
    throw invalidField(
      'tool_choice',
      `no tool of the MCP server ${JSON.stringify(label)}${name == null ? '' : ` is ${JSON.stringify(name)}`}; expected one of "tools"`,
    );
  return { mode: 'required', allowed };
}

const MESSAGES_CHOICES = { none: 'none', auto: 'auto', any: 'required' } as const;

/** Tools of Anthropic's messages. @throws {EngineError} E_REQUEST_INVALID */
export function messagesTools({
  tools = [],
  tool_choice: choice,
}: MessagesToolFields): ToolUse | null {
  const isSingle =
    choice !== undefined && choice.type !== 'none' && choice.disable_parallel_tool_use === true;
  return toolUse(
    tools.map(({ name, description, input_schema: parameters }) => ({
      name,
      description,
      parameters,
    })),
    choice?.type === 'tool' ? { name: choice.name } : MESSAGES_CHOICES[choice?.type ?? 'auto'],
    !isSingle,
    (index) => `tools[${index}].input_schema`,
  );
}
