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

export interface AnswerFrame {
  readonly modelId: string;
  readonly signal: AbortSignal;
  readonly record: RequestRecord;
  readonly stream: boolean;
  readonly sse: SseShape;
  /** Starts the generation; `signal` also fires when the client of a stream leaves. */
  readonly run: (signal: AbortSignal) => AsyncIterable<Delta>;
  /** The events of a streamed answer. */
  readonly chunks: (deltas: AsyncIterable<Delta>) => AsyncGenerator<unknown, void, void>;
  /** The body of an answer that is not streamed. */
  readonly whole: (deltas: AsyncIterable<Delta>) => Promise<unknown>;
  /** Whether a client waits for the answer, who may leave. Default true. */
  readonly hasClient?: boolean;
  /** Called once, however the answer ends. */
  readonly onEnd?: () => void;
}

export async function answer(frame: AnswerFrame): Promise<Response> {
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
    const deltas = counted(frame, frame.run(signal), begun.resolve);
    if (frame.stream)
      return markGenerated(await sseResponse(frame.chunks(deltas), frame.sse, frame.record, end));
    const made = frame.whole(deltas);
    const isWatched = frame.hasClient !== false && !isOwn(frame.signal);
    if (isWatched)
      return markGenerated(
        await longResponse({ made, begun: begun.promise, record: frame.record, onEnd: end }),
      );
    const response = markGenerated(Response.json(await made));
    end();
    return response;
  } catch (error) {
    end();
    throw error;
  }
}

async function* counted(
  { modelId, record }: AnswerFrame,
  deltas: AsyncIterable<Delta>,
  begin: () => void,
): AsyncGenerator<Delta, void, void> {
  let isKnown = false;
  try {
    for await (const delta of deltas) {
      begin();
      if (delta.type === 'done') record.addUsage(modelId, delta.usage);
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

/** Whether an error came before anything was computed. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof EngineError)) return false;
  return error.code === 'E_BUSY' || (error.row.party === 'caller' && error.code !== 'E_ABORTED');
}
