/** A request's body as it arrives. */
import { EngineError } from '../../../engine/base/errors.ts';

/** @throws {EngineError} E_ABORTED for a client that leaves before the end of its body: no failure of the server */
export async function* bodyChunks({ body }: Request): AsyncGenerator<Uint8Array, void, void> {
  if (body === null) return;
  try {
    yield* body as ReadableStream<Uint8Array>;
  } catch (cause) {
    throw new EngineError('E_ABORTED', 'body: the client left before its end.', { cause });
  }
}
