/** A file on its way into this isolate: bounded, and so are all that are here at the same time. */
import { EngineError } from '../../engine/base/errors.ts';
import { joinBytes } from '../../engine/base/joined.ts';

export const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** Bytes of all files in this isolate; each may decode to more. */
const MAX_HELD_BYTES = 32 * 1024 * 1024;
const BUSY_RETRY_AFTER_S = 5;

let heldBytes = 0;

/**
 * Receives a file and has it read; it counts towards what is held until then.
 * @throws {EngineError} E_BODY_TOO_LARGE, E_BUSY, errors of `read`
 */
export async function withFile<T>(
  body: ReadableStream<Uint8Array>,
  read: (bytes: Uint8Array) => Promise<T>,
): Promise<T> {
  const chunks: Uint8Array[] = [];
  let nByte = 0;
  try {
    for await (const chunk of body) {
      nByte += chunk.length;
      heldBytes += chunk.length;
      if (nByte > MAX_FILE_BYTES) throw fileTooLarge();
      if (heldBytes > MAX_HELD_BYTES) throw busy();
      chunks.push(chunk);
    }
    return await read(joinBytes(chunks.splice(0)));
  } finally {
    heldBytes -= nByte;
  }
}

export function fileTooLarge(): EngineError {
  return new EngineError(
    'E_BODY_TOO_LARGE',
    `file: is larger than ${MAX_FILE_BYTES} bytes. Split the document, or send its text.`,
    { param: 'file', details: { maxFileBytes: MAX_FILE_BYTES } },
  );
}

function busy(): EngineError {
  return new EngineError(
    'E_BUSY',
    `documents: files of ${MAX_HELD_BYTES} bytes are being read. Try again.`,
    { details: { retryAfterS: BUSY_RETRY_AFTER_S } },
  );
}
