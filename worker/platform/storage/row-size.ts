/** How large a row of a Durable Object's database may be. */
import { invalidField } from '../invalid-field.ts';

/** The platform's limit for a row or blob; local workerd takes more, so it is enforced here. */
export const MAX_ROW_BYTES = 2_000_000;
/** Left of a row for what is not content. */
const ROW_OVERHEAD_BYTES = 1024;

/** Of a row's text, in UTF-8. */
export const MAX_CONTENT_BYTES = MAX_ROW_BYTES - ROW_OVERHEAD_BYTES;

export function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** @throws {EngineError} E_REQUEST_INVALID naming `param`, when a row with `content` is too large. */
export function checkRowSize(content: string, param: string, keeper = 'a session'): void {
  const bytes = utf8Bytes(content);
  const maxBytes = MAX_CONTENT_BYTES;
  if (bytes <= maxBytes) return;
  throw invalidField(
    param,
    `${keeper} keeps messages of at most ${maxBytes} bytes, got ${bytes}. Split the message`,
    { details: { bytes, maxBytes } },
  );
}
