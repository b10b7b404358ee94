/** A request's body as checked JSON: size, then syntax (with the position of an error), then a zod schema. */
import type { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import { bodyChunks } from './body-chunks.ts';
import { describeIssue } from './describe-issue.ts';
import { checkJsonShape } from './json-bounds.ts';
import { findJsonError } from './json-error.ts';

/** Holds several times the text of a context of 100,000 tokens. */
export const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Bodies that may hold pictures: photographs of cameras, in base64. */
export const MAX_PICTURE_BODY_BYTES = 12 * 1024 * 1024;
/** How much of a body that is too large is drained before the connection is given up. */
const MAX_DRAINED_BYTES = 64 * 1024 * 1024;

/**
 * Only the first issue is reported. Without this zod collects one for each of a million wrong items; its types
 * leave the option out.
 */
const FIRST_ISSUE = { abortEarly: true } as z.core.ParseContext<z.core.$ZodIssue>;

/** A body as JSON, not checked yet. @throws {EngineError} E_REQUEST_INVALID */
export function parseJsonBody(text: string): unknown {
  return dropNulls(parseJson(text));
}

/** @throws {EngineError} E_REQUEST_INVALID naming field, value and fix. */
export function checkBody<T>(body: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(dropNulls(body), FIRST_ISSUE);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  if (issue === undefined) throw new EngineError('E_REQUEST_INVALID', 'body: is invalid.');
  const { param, message } = describeIssue(issue, body);
  throw new EngineError('E_REQUEST_INVALID', message, param === '' ? {} : { param });
}

export interface BodyText {
  readonly text: string;
  readonly nBytes: number;
}

/** The limit also holds for bodies that do not state their length. @throws {EngineError} E_BODY_TOO_LARGE, E_ABORTED */
export async function readText(
  request: Request,
  maxBytes: number = MAX_BODY_BYTES,
): Promise<BodyText> {
  const decoder = new TextDecoder();
  let nBytes = 0;
  let text = '';
  for await (const chunk of bodyChunks(request)) {
    nBytes += chunk.length;
    if (nBytes <= maxBytes) text += decoder.decode(chunk, { stream: true });
    // A body left unread would break the connection, and the client might miss the answer.
    else if (nBytes > MAX_DRAINED_BYTES) break;
  }
  if (nBytes > maxBytes) throw bodyTooLarge(maxBytes);
  return { text: text + decoder.decode(), nBytes };
}

export function bodyTooLarge(maxBodyBytes: number): EngineError {
  return new EngineError(
    'E_BODY_TOO_LARGE',
    `body: is larger than ${maxBodyBytes} bytes. Send less text.`,
    { details: { maxBodyBytes } },
  );
}

/** @throws {EngineError} E_REQUEST_INVALID with the position in `where`. */
export function parseJson(text: string, where = 'body'): unknown {
  checkJsonShape(text, where);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { offset, line, column, what } = findJsonError(text);
    throw new EngineError(
      'E_REQUEST_INVALID',
      `${where}: is not JSON at position ${offset} (line ${line}, column ${column}): ${what}.`,
      { details: { offset, line, column }, cause },
    );
  }
}

/** OpenAI's clients send null for a field that is absent. */
function dropNulls(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const entries = Object.entries(body);
  const kept = entries.filter(([, value]) => value !== null);
  return kept.length === entries.length ? body : Object.fromEntries(kept);
}
