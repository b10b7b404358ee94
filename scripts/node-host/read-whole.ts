/** Files of a model in a folder, and what is said of one that cannot be read. */
import { open } from 'node:fs/promises';
import { EngineError } from '../../engine/base/errors.ts';

/** Fills `into` with a file. @throws {EngineError} E_WEIGHTS_FETCH when it is missing or shorter than `into`. */
export async function readWhole(path: string, into: Uint8Array): Promise<void> {
  const file = await open(path).catch((cause: unknown) => {
    throw unreadable(path, 'cannot be opened', cause);
  });
  try {
    for (let at = 0; at < into.byteLength;) {
      const { bytesRead } = await file.read(into, at, into.byteLength - at, at);
      if (bytesRead === 0)
        throw unreadable(path, `ends early; expected ${into.byteLength} bytes, got ${at}`);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

export function unreadable(path: string, what: string, cause?: unknown): EngineError {
  return new EngineError('E_WEIGHTS_FETCH', `${path}: ${what}. Import the model again.`, { cause });
}
