/** The Model Context Protocol, as far as both sides share it. */
import { z } from 'zod';

/** The newest first; 2025-03-26 began streamable HTTP, and older clients get along with what is used of it here. */
export const PROTOCOL_VERSIONS = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
  '2024-10-07',
] as const;
export const LATEST_VERSION = PROTOCOL_VERSIONS[0];

export const isProtocolVersion = (text: unknown): boolean =>
  PROTOCOL_VERSIONS.some((version) => version === text);

export const SESSION_HEADER = 'mcp-session-id';
export const VERSION_HEADER = 'mcp-protocol-version';

/** Where a client is said to be ours, and a server. */
export const IMPLEMENTATION = { name: 'thimble', title: 'Thimble' } as const;

const fields = z.record(z.string(), z.unknown());

/** What another server answers: hostile input. */
export const rpcAnswerSchema = z.looseObject({
  result: fields.optional(),
  error: z.looseObject({ code: z.number(), message: z.string() }).optional(),
});

const MAX_NAME_CHARS = 200;
const listedToolSchema = z.looseObject({
  name: z.string().min(1).max(MAX_NAME_CHARS),
  description: z.string().nullish(),
  inputSchema: fields,
  annotations: fields.nullish(),
});
export const toolPageSchema = z.looseObject({
  tools: z.array(listedToolSchema),
  nextCursor: z.string().min(1).nullish(),
});
export type ListedTool = z.output<typeof listedToolSchema>;

export const toolResultSchema = z.looseObject({
  content: z.array(z.looseObject({ type: z.string() })).default([]),
  structuredContent: z.unknown().optional(),
  isError: z.boolean().default(false),
});
export type ToolResult = z.output<typeof toolResultSchema>;
