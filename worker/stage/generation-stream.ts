/**
 * Events of an engine as a byte stream of JSON lines, made as the reader asks for them: a reader
 * that stops reading stops the work, one that cancels ends it within one token.
 */
import type { Engine } from '../../engine/generate/engine.ts';
import type { GivenRequest } from '../../engine/generate/types.ts';
import { NO_REQUEST, reportFailure } from '../platform/failure.ts';
import type { Place } from '../platform/failure.ts';

interface Held<E> {
  readonly engine: E;
  readonly release: () => void;
}
type Run<E> = (engine: E, signal: AbortSignal) => AsyncGenerator<object, void, void>;

/** The events of one generation. */
export function generationStream(
  acquire: () => Promise<Held<Pick<Engine, 'generate'>>>,
  request: GivenRequest,
  place: Place = { place: 'stage', ...NO_REQUEST },
): ReadableStream<Uint8Array> {
  return eventStream(acquire, (engine, signal) => engine.generate(request, signal), place);
}

export function eventStream<E>(
  acquire: () => Promise<Held<E>>,
  run: Run<E>,
  place: Place,
): ReadableStream<Uint8Array> {
  const abort = new AbortController();
  const encoder = new TextEncoder();
  let held: Held<E> | null = null;
  let events: AsyncGenerator<object, void, void> | null = null;
  const finish = (): void => held?.release();

  const next = async (): Promise<object | null> => {
    if (events === null) {
      held = await acquire();
      events = run(held.engine, abort.signal);
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
        enqueue({ type: 'error', error: reportFailure(error, place) });
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
