/**
 * One generation as a byte stream of JSON lines, made as the reader asks for them: a reader that
 * stops reading stops the work, one that cancels ends it within one token.
 */
import { errorToRecord } from '../../engine/base/errors.ts';
import type { Engine } from '../../engine/generate/engine.ts';
import type { GenerateEvent, GenerateRequest } from '../../engine/generate/types.ts';

interface HeldEngine {
  readonly engine: Pick<Engine, 'generate'>;
  readonly release: () => void;
}

export function generationStream(
  acquire: () => Promise<HeldEngine>,
  request: GenerateRequest,
): ReadableStream<Uint8Array> {
  const abort = new AbortController();
  const encoder = new TextEncoder();
  let held: HeldEngine | null = null;
  let events: AsyncGenerator<GenerateEvent, void, void> | null = null;
  const finish = (): void => held?.release();

  const next = async (): Promise<GenerateEvent | null> => {
    if (events === null) {
      held = await acquire();
      events = held.engine.generate(request, abort.signal);
    }
    const { value, done } = await events.next();
    return done === true ? null : value;
  };

  const source: UnderlyingByteSource = {
    type: 'bytes',
    async pull(controller: ReadableByteStreamController) {
      const enqueue = (line: unknown): void =>
        controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      try {
        const event = await next();
        if (abort.signal.aborted) return;
        if (event !== null) {
          enqueue(event);
          return;
        }
      } catch (error) {
        if (abort.signal.aborted) return finish();
        logInternal(error);
        enqueue({ type: 'error', error: errorToRecord(error) });
      }
      finish();
      controller.close();
    },
    async cancel() {
      abort.abort();
      try {
        await events?.return();
      } finally {
        finish();
      }
    },
  };
  return new ReadableStream(source);
}

/** Causes and stacks belong to the log; the caller gets code and message. */
function logInternal(error: unknown): void {
  if (errorToRecord(error).code === 'E_INTERNAL') console.error(error);
}
