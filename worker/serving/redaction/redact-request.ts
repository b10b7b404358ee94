/** The field "redact" of requests, and the texts of a request that it is about. */
import { z } from 'zod';
import type { Message } from '../conversation/message.ts';
import { REDACTION_KIND_NAMES } from './kinds.ts';
import { Redactor } from './redactor.ts';
import type { Redaction } from './redactor.ts';

/** Says how many values of which kinds were replaced. */
export const REDACTED_HEADER = 'x-thimble-redacted';

export const redactField = z
  .union(
    [z.boolean(), z.array(z.enum(REDACTION_KIND_NAMES)).min(1)],
    `expected true, false, or a list of some of ${REDACTION_KIND_NAMES.join(', ')}`,
  )
  .optional();
export type RedactField = z.output<typeof redactField>;

/** Null when nothing is to be redacted. @param known placeholders of the conversation so far */
export function redactorFor(field: RedactField, known: readonly Redaction[] = []): Redactor | null {
  if (field === undefined || field === false) return null;
  return new Redactor(field === true ? REDACTION_KIND_NAMES : field, known);
}

/** Headers of an answer. */
export function redactedHeaders(redactor: Redactor | null): Record<string, string> {
  return redactor === null ? {} : { [REDACTED_HEADER]: redactor.summary };
}

/** Texts and arguments of calls. @throws {EngineError} E_REQUEST_INVALID for too many values */
export async function redactMessages(
  redactor: Redactor | null,
  messages: readonly Message[],
): Promise<readonly Message[]> {
  if (redactor === null) return messages;
  const redacted: Message[] = [];
  for (const message of messages) redacted.push(await redactMessage(redactor, message));
  return redacted;
}

async function redactMessage(redactor: Redactor, message: Message): Promise<Message> {
  const content: Message['content'][number][] = [];
  for (const part of message.content)
    content.push(part.type === 'text' ? { ...part, text: await redactor.redact(part.text) } : part);
  const { tool_calls: calls } = message;
  if (calls === undefined) return { ...message, content };
  const redact = (text: string): Promise<string> => redactor.redact(text);
  return {
    ...message,
    content,
    tool_calls: (await mapStrings(calls, redact, isArgument)) as typeof calls,
  };
}

/** Names and ids of calls stay. */
const isArgument = (path: readonly string[]): boolean => path.includes('arguments');

/** A copy of a JSON value with some of its texts changed. @param isMeant by the names of the fields that lead to it */
export async function mapStrings(
  value: unknown,
  map: (text: string) => Promise<string>,
  isMeant: (path: readonly string[]) => boolean,
  path: readonly string[] = [],
): Promise<unknown> {
  if (typeof value === 'string') return isMeant(path) ? await map(value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value) items.push(await mapStrings(item, map, isMeant, path));
    return items;
  }
  const fields: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value))
    fields[name] = await mapStrings(item, map, isMeant, [...path, name]);
  return fields;
}
