/**
 * Calls that a model writes as the text of its answer, bare or in a block of code, instead of in its template's form:
 * small models of code do. Only an answer that is such a call from its first character counts.
 */
import type { ServerTool } from './servers.ts';

/** Longer texts are answers. */
const MAX_CHARS = 4000;
const FENCE = '```';
const OPENING = /^```(?:json)?\s*/;

/** Whether a text so far may become a call. */
export function mayBeCall(text: string): boolean {
  const start = text.trimStart();
  if (start.length > MAX_CHARS) return false;
  return start.startsWith('{') || start.startsWith(FENCE) || FENCE.startsWith(start);
}

export interface WrittenCall {
  readonly tool: ServerTool;
  /** JSON text of an object. */
  readonly arguments: string;
}

/** Null for what is none, or names no tool. */
export function readWrittenCall(text: string, tools: readonly ServerTool[]): WrittenCall | null {
  const body = text.trim().replace(OPENING, '').split(FENCE)[0]!.trim();
  // A model that repeats itself writes one call a line.
  const value = parseObject(body) ?? parseObject(body.split('\n')[0]!);
  if (value === null) return null;
  const { name, arguments: args } = value;
  const tool = tools.find((one) => one.name === name);
  const isObject = typeof args === 'object' && args !== null && !Array.isArray(args);
  return tool === undefined || !isObject ? null : { tool, arguments: JSON.stringify(args) };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}
