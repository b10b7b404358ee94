/** The MCP servers of a request: their addresses are checked, their tools listed and given names of their own. */
import { EngineError } from '../../../../engine/base/errors.ts';
import { compileJsonSchema } from '../../../../engine/grammar/index.ts';
import { invalidField } from '../../../platform/invalid-field.ts';
import { readCount } from '../../../platform/vars.ts';
import type { ServingEnv } from '../../../serving/env.ts';
import {
  isAllowedTool,
  MAX_SERVERS,
  MAX_SERVER_TOOLS,
  needsApproval,
} from '../../../serving/fields/mcp.ts';
import type { McpTool } from '../../../serving/fields/mcp.ts';
import type { FlatTool, ResponseToolFields } from '../../../serving/fields/output.ts';
import { MAX_TOOL_NAME_CHARS } from '../../../serving/fields/output.ts';
import { allowedServer } from '../../../serving/mcp/allow-list.ts';
import { McpClient } from '../../../serving/mcp/client.ts';
import { McpFailure } from '../../../serving/mcp/failure.ts';
import type { ListedTool } from '../../../serving/mcp/protocol.ts';
import type { ServedTool } from '../../../serving/output/api-tools.ts';
import type { ListedToolJson } from '../item-schema.ts';

const DEFAULT_TIMEOUT_S = 30;
const MAX_DESCRIPTION_CHARS = 1000;
/** Any object: for schemas with keywords that answers cannot be held to. The server checks what it gets. */
const ANY_OBJECT = { type: 'object', additionalProperties: true };

/** A tool of a server, as it can be called. */
export interface ServerTool extends ServedTool {
  readonly client: McpClient;
  readonly needsApproval: boolean;
}

export interface McpServers {
  readonly tools: readonly ServerTool[];
  /** What each server listed, in the order of the request. */
  readonly lists: readonly { readonly label: string; readonly tools: readonly ListedToolJson[] }[];
  /** Ends the sessions. */
  close(): Promise<void>;
}

/**
 * Null without a server, or when no tool may be called.
 * @throws {EngineError} E_REQUEST_INVALID for an address that is not on the list; E_MCP_SERVER for a server that fails
 */
export async function openServers(
  env: ServingEnv,
  { tools = [], tool_choice: choice }: ResponseToolFields,
  signal: AbortSignal,
): Promise<McpServers | null> {
  const asked = readServers(env, tools);
  if (asked.length === 0 || choice === 'none') return null;
  const opened = await Promise.all(asked.map((server) => openServer(env, server, signal)));
  const names = new Set(tools.flatMap((tool) => (tool.type === 'function' ? [tool.name] : [])));
  const served: ServerTool[] = [];
  for (const { client, listed, server } of opened)
    for (const tool of listed) served.push(serverTool(tool, server, client, names));
  if (served.length > MAX_SERVER_TOOLS)
    throw invalidField(
      'tools',
      `the MCP servers have ${served.length} tools together; expected at most ${MAX_SERVER_TOOLS}. Choose some with "allowed_tools"`,
    );
  return {
    tools: served,
    lists: opened.map(({ server, listed }) => ({
      label: server.tool.server_label,
      tools: listed.map(toolJson),
    })),
    close: async () => {
      await Promise.all(opened.map(({ client }) => client.close()));
    },
  };
}

interface AskedServer {
  readonly tool: McpTool;
  readonly url: URL;
  /** Path of the tool in the request. */
  readonly param: string;
}

/** All of them, before any is asked. */
function readServers(env: ServingEnv, tools: readonly FlatTool[]): AskedServer[] {
  const labels = new Set<string>();
  const asked = tools.flatMap((tool, i): AskedServer[] => {
    if (tool.type !== 'mcp') return [];
    const param = `tools[${i}]`;
    if (labels.has(tool.server_label))
      throw invalidField(`${param}.server_label`, 'is there twice; expected a label of its own');
    labels.add(tool.server_label);
    const url = allowedServer(env, tool.server_url, `${param}.server_url`);
    return [{ tool, url, param }];
  });
  if (asked.length > MAX_SERVERS)
    throw invalidField('tools', `expected at most ${MAX_SERVERS} MCP servers, got ${asked.length}`);
  return asked;
}

interface OpenServer {
  readonly server: AskedServer;
  readonly client: McpClient;
  readonly listed: readonly ListedTool[];
}

async function openServer(
  env: ServingEnv,
  server: AskedServer,
  signal: AbortSignal,
): Promise<OpenServer> {
  const { tool, url, param } = server;
  const { authorization, headers } = tool;
  const bearer = authorization == null ? {} : { authorization: `Bearer ${authorization}` };
  const timeoutMs = (readCount(env.MCP_TIMEOUT_S) ?? DEFAULT_TIMEOUT_S) * 1000;
  try {
    const client = await McpClient.connect({
      ...{ env, url, timeoutMs, signal },
      headers: { ...lowerCased(headers ?? {}), ...bearer },
    });
    const all = await client.listTools(MAX_SERVER_TOOLS);
    return { server, client, listed: all.filter((one) => isAllowedTool(tool, filtered(one))) };
  } catch (error) {
    if (!(error instanceof McpFailure)) throw error;
    throw new EngineError(
      'E_MCP_SERVER',
      `${param}: the MCP server ${JSON.stringify(tool.server_label)} did not list its tools: ${error.message}. ` +
        'Check its address and headers, or leave it out.',
      { param, details: { server_label: tool.server_label, status: error.code } },
    );
  }
}

const lowerCased = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

const filtered = ({ name, annotations }: ListedTool) => ({
  name,
  isReadOnly: annotations?.['readOnlyHint'] === true,
});

/** @param names that are taken; gets the tool's */
function serverTool(
  listed: ListedTool,
  { tool, param }: AskedServer,
  client: McpClient,
  names: Set<string>,
): ServerTool {
  const name = freeName(listed.name, tool.server_label, names);
  names.add(name);
  return {
    ...{ client, name, param, serverLabel: tool.server_label, remoteName: listed.name },
    description: (listed.description ?? '').slice(0, MAX_DESCRIPTION_CHARS).toWellFormed(),
    parameters: usableSchema(listed.inputSchema, param),
    needsApproval: needsApproval(tool, filtered(listed)),
  };
}

/** The name of a tool in the prompt: its own, if it is one that models can call and no other tool has. */
function freeName(name: string, label: string, names: ReadonlySet<string>): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, MAX_TOOL_NAME_CHARS);
  const tried = [plain, `${label}_${plain}`.slice(0, MAX_TOOL_NAME_CHARS)];
  for (let n = 2; ; n++) {
    const free = tried.find((one) => !names.has(one));
    if (free !== undefined) return free;
    tried.push(`${plain.slice(0, MAX_TOOL_NAME_CHARS - 8)}_${n}`);
  }
}

function usableSchema(schema: ListedTool['inputSchema'], param: string): ServedTool['parameters'] {
  // The prompt holds the schema: its dialect is of no use there.
  const { $schema: _dialect, type = 'object', ...rest } = schema;
  if (type !== 'object') return ANY_OBJECT;
  const usable = { type, ...rest };
  try {
    compileJsonSchema(usable, { param, isClosed: true });
    return usable;
  } catch (error) {
    if (error instanceof EngineError) return ANY_OBJECT;
    throw error;
  }
}

function toolJson({ name, description, inputSchema, annotations }: ListedTool): ListedToolJson {
  return {
    ...{ name, description: description ?? null },
    ...{ input_schema: inputSchema, annotations: annotations ?? null },
  };
}
