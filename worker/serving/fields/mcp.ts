/** The tool mcp of responses: tools of another server, by OpenAI's fields. */
import { z } from 'zod';

/** Tools of MCP servers in one request, and servers. */
export const MAX_SERVER_TOOLS = 128;
export const MAX_SERVERS = 8;
const MAX_URL_CHARS = 2000;
const MAX_NAME_CHARS = 200;
const MAX_HEADERS = 32;
const MAX_VALUE_CHARS = 8000;

const toolNames = z.array(z.string().min(1).max(MAX_NAME_CHARS)).max(MAX_SERVER_TOOLS);
const filter = z.strictObject({
  tool_names: toolNames.optional(),
  read_only: z.boolean().optional(),
});
export type ToolFilter = z.output<typeof filter>;

/** Headers that say how a message is sent, which is not up to the request. */
const OWN_HEADERS =
  /^(host|connection|content-.*|accept|accept-encoding|transfer-encoding|upgrade|te|trailer|expect|cookie|origin|mcp-.*|cf-.*|x-forwarded-.*|forwarded|proxy-.*)$/i;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
const HEADER_VALUE = /^[\x20-\x7e\t]*$/;

const headers = z
  .record(z.string(), z.string().max(MAX_VALUE_CHARS))
  .refine(
    (given) => Object.keys(given).length <= MAX_HEADERS,
    `expected at most ${MAX_HEADERS} headers`,
  )
  .refine(
    (given) =>
      Object.entries(given).every(
        ([name, value]) =>
          HEADER_NAME.test(name) && !OWN_HEADERS.test(name) && HEADER_VALUE.test(value),
      ),
    'expected headers of the server such as "Authorization", with values of visible ASCII; how a message is sent is not up to the request',
  );

export const mcpTool = z.looseObject({
  type: z.literal('mcp'),
  server_label: z
    .string()
    .regex(
      /^[A-Za-z][A-Za-z0-9_-]{0,63}$/,
      'expected 1 to 64 letters, digits, "-" or "_", starting with a letter',
    ),
  server_url: z
    .string('expected the address of the server; connectors and tunnels are not supported')
    .min(1)
    .max(MAX_URL_CHARS),
  server_description: z.string().max(MAX_VALUE_CHARS).nullish(),
  headers: headers.nullish(),
  authorization: z.string().regex(HEADER_VALUE).max(MAX_VALUE_CHARS).nullish(),
  allowed_tools: z.union([toolNames, filter], 'expected names of tools, or a filter').nullish(),
  require_approval: z
    .union(
      [
        z.enum(['always', 'never']),
        z.strictObject({ always: filter.optional(), never: filter.optional() }),
      ],
      'expected "always", "never", or filters of the tools that always or never need an approval',
    )
    .nullish(),
});
export type McpTool = z.output<typeof mcpTool>;

/** What a filter asks of a tool. */
export interface FilteredTool {
  readonly name: string;
  readonly isReadOnly: boolean;
}

/** A filter that asks for nothing lets nothing through. */
function passes(
  { tool_names: names, read_only: readOnly }: ToolFilter,
  tool: FilteredTool,
): boolean {
  if (names === undefined && readOnly === undefined) return false;
  const isNamed = names === undefined || names.includes(tool.name);
  return isNamed && (readOnly === undefined || readOnly === tool.isReadOnly);
}

export function isAllowedTool({ allowed_tools: allowed }: McpTool, tool: FilteredTool): boolean {
  if (allowed == null) return true;
  return Array.isArray(allowed) ? allowed.includes(tool.name) : passes(allowed, tool);
}

/** As OpenAI's default has it, every call needs an approval unless the request says otherwise. */
export function needsApproval(
  { require_approval: required }: McpTool,
  tool: FilteredTool,
): boolean {
  if (required == null || required === 'always') return true;
  if (required === 'never') return false;
  const { always, never } = required;
  if (always !== undefined && passes(always, tool)) return true;
  if (never !== undefined && passes(never, tool)) return false;
  return always === undefined || never !== undefined;
}
