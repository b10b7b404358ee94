/**
 * The common frame of every generated answer: streamed or whole, aborted when the client leaves,
 * counted in the request's record. The API's shape decides what the answer looks like.
 */
import { EngineError } from '../../engine/base/errors.ts';
import type { Delta } from '../serving/generation/run-generation.ts';
import { markGenerated } from './generated.ts';
import type { RequestRecord } from './observe/record.ts';
import { isOwn, longResponse } from './kept-alive.ts';
import { sseResponse, type SseShape } from './sse.ts';

/** What an answer is made of; one of type "done" has the usage. */
interface AnyDelta {
  readonly type: string;
}

export interface AnswerFrame<D extends AnyDelta = Delta> {
  readonly modelId: string;
  readonly signal: AbortSignal;
  readonly record: RequestRecord;
  readonly stream: boolean;
  readonly sse: SseShape;
  /**
   * Starts the generation; `signal` also fires when the client leaves. `onWaiting` is called when it waits for its turn,
   * and is not refused any more.
   */
  readonly run: (signal: AbortSignal, onWaiting?: () => void) => AsyncIterable<D>;
  /** The events of a streamed answer. */
  readonly chunks: (deltas: AsyncIterable<D>) => AsyncGenerator<unknown, void, void>;
  /** The body of an answer that is not streamed. */
  readonly whole: (deltas: AsyncIterable<D>) => Promise<unknown>;
  /** Whether a client waits for the answer, who may leave. Default true. */
  readonly hasClient?: boolean;
  /** Called once, however the answer ends. */
  readonly onEnd?: () => void;
}

export async function answer<D extends AnyDelta>(frame: AnswerFrame<D>): Promise<Response> {
  // A client that leaves cancels the response's stream; this also aborts what waits upstream.
  const abort = new AbortController();
  const signal = AbortSignal.any([frame.signal, abort.signal]);
  frame.record.modelId = frame.modelId;
  const end = (): void => {
    abort.abort();
    frame.onEnd?.();
  };
  try {
    const begun = Promise.withResolvers<void>();
    const waits = Promise.withResolvers<void>();
    const isWatched = frame.hasClient !== false && !isOwn(frame.signal);
    const onWaiting = isWatched ? waits.resolve : undefined;
    const deltas = counted(frame, frame.run(signal, onWaiting), begun.resolve);
    if (frame.stream)
      return markGenerated(
        await sseResponse(frame.chunks(deltas), frame.sse, frame.record, end, waits.promise),
      );
    const made = frame.whole(deltas).then((value) => Response.json(value));
    if (isWatched)
      return markGenerated(
        await longResponse({
          ...{ made, begun: begun.promise, waits: waits.promise },
          ...{ record: frame.record, onEnd: end },
        }),
      );
    const response = markGenerated(await made);
    end();
    return response;
  } catch (error) {
    end();
    throw error;
  }
}

async function* counted<D extends AnyDelta>(
  { modelId, record }: AnswerFrame<D>,
  deltas: AsyncIterable<D>,
  begin: () => void,
): AsyncGenerator<D, void, void> {
  let isKnown = false;
  try {
    for await (const delta of deltas) {
      begin();
      if (isDone(delta)) record.addUsage(modelId, delta.usage);
      yield delta;
    }
    isKnown = true;
  } catch (error) {
    isKnown = isRefusal(error);
    throw error;
  } finally {
    // The client has left, or the stage has failed: what was computed until then is not reported.
    if (!isKnown) record.cutOff();
  }
}

type DoneDelta = Extract<Delta, { type: 'done' }>;
const isDone = (delta: AnyDelta): delta is DoneDelta => delta.type === 'done';

/** Whether an error came before anything was computed. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof EngineError)) return false;
  return error.code === 'E_BUSY' || (error.row.party === 'caller' && error.code !== 'E_ABORTED');
}
