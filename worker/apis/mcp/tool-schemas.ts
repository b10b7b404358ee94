/** How tools are described to clients: JSON Schemas made of the schemas of the endpoints behind them. */
import { z } from 'zod';
import { PARAMETERS } from '../../http/openapi/parameters.ts';
import { allows } from '../../platform/caller.ts';
import type { Caller } from '../../platform/caller.ts';
import { FILE_FIELD, TOOLS } from './tools.ts';
import type { ToolRow } from './tools.ts';

type Json = Record<string, unknown>;

const OK = 200;

/** Where each argument of a tool goes. */
export interface Arguments {
  readonly params: readonly string[];
  readonly query: readonly string[];
  readonly fields: readonly string[];
}

export function argumentsOf({ endpoint, fields = [] }: ToolRow): Arguments {
  const { params = {}, query = {}, form } = endpoint;
  // The query of a form says how a file without a header is read.
  const own = form === undefined ? Object.keys(query) : [];
  return { params: Object.keys(params), query: own, fields };
}

/** The tools that a caller may call. */
export function listTools({ scopes }: Pick<Caller, 'scopes'>): readonly Json[] {
  const isAllowed = ({ endpoint, also }: ToolRow): boolean =>
    allows(scopes, endpoint.scope) && allows(scopes, also ?? null);
  return TOOLS.filter(isAllowed).map(toolJson);
}

/** Made once per isolate: the table does not change. */
const made = new Map<string, Json>();

function toolJson(row: ToolRow): Json {
  const json = made.get(row.name) ?? describe(row);
  made.set(row.name, json);
  return json;
}

function describe(row: ToolRow): Json {
  const { name, title, endpoint, writes } = row;
  const { summary, description } = endpoint;
  const output = answerOf(row);
  return {
    ...{ name, title },
    description:
      row.description ??
      [`${summary}.`, description].filter((text) => text !== undefined).join(' '),
    inputSchema: inputSchema(row),
    ...(output === null ? {} : { outputSchema: schemaJson(output, 'output') }),
    annotations: {
      title,
      readOnlyHint: writes === undefined,
      destructiveHint: writes === 'replaces',
      idempotentHint: writes !== 'adds',
      // Nothing outside this server is asked.
      openWorldHint: false,
    },
  };
}

/** Schema of what a tool returns; null for what is not JSON. */
export function answerOf({ endpoint, answer, result }: ToolRow): z.ZodObject | null {
  const schema = answer ?? endpoint.responses.find(({ status }) => status === OK)?.schema;
  if (!(schema instanceof z.ZodObject)) return null;
  const { shape } = schema;
  return z.strictObject(pick(shape, result ?? Object.keys(shape)));
}

function inputSchema(row: ToolRow): Json {
  const { endpoint, required = [] } = row;
  const { params, query, fields } = argumentsOf(row);
  const shape = (endpoint.body ?? endpoint.form)?.shape ?? {};
  const json = schemaJson(z.strictObject(pick(shape, fields)), 'input');
  const properties: Json = {};
  for (const name of params)
    properties[name] = { type: 'string', description: endpoint.params?.[name] };
  for (const name of query)
    properties[name] = { type: 'string', description: endpoint.query?.[name] };
  for (const [name, property] of Object.entries((json['properties'] ?? {}) as Record<string, Json>))
    properties[name] = describeArgument(name, property);
  const needed = [...params, ...((json['required'] ?? []) as string[]), ...required];
  return {
    ...{ ...json, properties },
    ...(needed.length === 0 ? {} : { required: needed }),
  };
}

function describeArgument(name: string, property: Json): Json {
  if (name === FILE_FIELD)
    return {
      type: 'string',
      description: `${String(property['description'])}; its bytes in base64`,
    };
  const what = property['description'] ?? PARAMETERS[name]?.what;
  return what === undefined ? property : { ...property, description: what };
}

function pick(shape: z.ZodRawShape, names: readonly string[]): z.ZodRawShape {
  return Object.fromEntries(names.map((name) => [name, shape[name]!]));
}

function schemaJson(schema: z.ZodType, io: 'input' | 'output'): Json {
  // The dialect is MCP's default; some clients know no other name of it.
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return json;
}
