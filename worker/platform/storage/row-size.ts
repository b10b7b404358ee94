/** Size limits of rows in a Durable Object's database. */
import { invalidField } from '../invalid-field.ts';

/** The platform's limit for a row or blob; local workerd accepts more, so it is enforced here. */
export const MAX_ROW_BYTES = 2_000_000;
/** Bytes of a row that are reserved for other columns than the content. */
const ROW_OVERHEAD_BYTES = 1024;

/** Limit of a row's text, in UTF-8. */
export const MAX_CONTENT_BYTES = MAX_ROW_BYTES - ROW_OVERHEAD_BYTES;

export function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** @throws {EngineError} E_REQUEST_INVALID naming `param`, when a row with `content` is too large. */
export function checkRowSize(
  content: string,
  param: string,
  keeper = 'a session',
  fix = 'Split the message',
): void {
  const bytes = utf8Bytes(content);
  const maxBytes = MAX_CONTENT_BYTES;
  if (bytes <= maxBytes) return;
  throw invalidField(
    param,
    `${keeper} keeps messages of at most ${maxBytes} bytes, got ${bytes}. ${fix}`,
    { details: { bytes, maxBytes } },
  );
}
