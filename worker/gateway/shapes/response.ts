/**
 * An answer as OpenAI's response: the events of its stream, the last of which holds the whole. What
 * is not streamed is that last event's response. Knows nothing of where responses are kept.
 */
import { EngineError } from '../../../engine/base/errors.ts';
import type { GenerateUsage } from '../../../engine/generate/types.ts';
import { recordForClient } from '../error-response.ts';
import type { Delta } from '../generation/run-generation.ts';
import type { ServedModel } from '../model-store.ts';
import {
  LOGPROBS_INCLUDE,
  type OutputItemJson,
  type ResponseBody,
  type ResponseEventJson,
  type ResponseJson,
} from '../schemas/responses.ts';
import { resourcesJson } from './resources.ts';
import type { SseShape } from './sse.ts';
import { type ChatTokenJson, chatTokenJson } from './token-json.ts';
import { timingsJson, usageJson } from './usage.ts';

/** Failures after the headers are events of their own, made by `responseEvents`. */
export const RESPONSES_SSE: SseShape = {
  isNamed: true,
  last: null,
  failure: ({ code, message, param }) => ({ type: 'error', code, message, param }),
};

export interface ResponseRun {
  readonly id: string;
  readonly model: ServedModel;
  readonly body: ResponseBody;
  readonly nDropped: number;
  /** Seconds since 1970. */
  readonly createdAt: number;
  /** Whether somebody asked that the response end before it is complete. */
  readonly isCancelled: () => boolean;
  /** Told of every state, the last one before its event goes out. */
  readonly onChange?: (response: ResponseJson) => void;
}

export function newItemId(): string {
  return `msg_${crypto.randomUUID().replaceAll('-', '')}`;
}

/** A response of which nothing has been made yet. */
export function emptyResponse(run: ResponseRun, status: 'queued' | 'in_progress'): ResponseJson {
  const { id, model, body, nDropped, createdAt } = run;
  return {
    id,
    object: 'response',
    created_at: createdAt,
    completed_at: null,
    status,
    background: body.background,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: model.id,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: body.previous_response_id ?? null,
    store: body.store,
    temperature: body.temperature ?? 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: body.truncation,
    usage: null,
    timings: null,
    resources: null,
    dropped_messages: nDropped,
  };
}

/** The events without their numbers. */
type Event = ResponseEventJson extends infer E
  ? E extends unknown
    ? Omit<E, 'sequence_number'>
    : never
  : never;

/**
 * What fails before the first delta is thrown, so that it has a status of its own; what fails later
 * is the last event.
 */
export async function* responseEvents(
  run: ResponseRun,
  deltas: AsyncIterable<Delta>,
): AsyncGenerator<ResponseEventJson, void, void> {
  let n = 0;
  for await (const event of events(run, deltas)) yield { ...event, sequence_number: n++ };
}

async function* events(
  run: ResponseRun,
  deltas: AsyncIterable<Delta>,
): AsyncGenerator<Event, void, void> {
  const maker = new ResponseMaker(run);
  let hasBegun = false;
  try {
    for await (const delta of deltas) {
      if (delta.type === 'start') {
        hasBegun = true;
        yield* maker.begin();
      } else if (delta.type === 'text') {
        yield maker.add(
          delta.text,
          delta.tokens.map((one) => chatTokenJson(run.model.tokenizer, one)),
        );
      } else if (delta.type === 'done') {
        yield* maker.finish(delta.reason === 'stop' ? 'completed' : 'incomplete', delta.usage);
      }
    }
  } catch (error) {
    if (!hasBegun) throw error;
    if (run.isCancelled()) {
      yield* maker.finish('cancelled', null);
      return;
    }
    // The client has left: there is nobody to tell, and nothing is kept.
    if (error instanceof EngineError && error.code === 'E_ABORTED') throw error;
    yield maker.fail(recordForClient(error));
  }
}

/** The states a response goes through, with the events that tell of them. */
class ResponseMaker {
  private response: ResponseJson;
  private readonly run: ResponseRun;
  private readonly itemId = newItemId();
  private readonly tokens: ChatTokenJson[] = [];
  private readonly wantsLogprobs: boolean;
  private text = '';

  constructor(run: ResponseRun) {
    this.run = run;
    this.wantsLogprobs = run.body.include.includes(LOGPROBS_INCLUDE);
    this.response = emptyResponse(run, 'in_progress');
  }

  *begin(): Generator<Event, void, void> {
    this.change({});
    const { response } = this;
    yield { type: 'response.created', response };
    yield { type: 'response.in_progress', response };
    const item = { ...this.item('in_progress'), content: [] };
    yield { type: 'response.output_item.added', output_index: 0, item };
    yield { type: 'response.content_part.added', ...this.place(), part: this.part() };
  }

  add(text: string, tokens: readonly ChatTokenJson[]): Event {
    this.text += text;
    const logprobs = this.wantsLogprobs ? [...tokens] : [];
    this.tokens.push(...logprobs);
    return { type: 'response.output_text.delta', ...this.place(), delta: text, logprobs };
  }

  *finish(
    status: 'completed' | 'incomplete' | 'cancelled',
    usage: GenerateUsage | null,
  ): Generator<Event, void, void> {
    const part = this.part();
    const item = this.item(status === 'completed' ? 'completed' : 'incomplete');
    this.change({
      status,
      completed_at: status === 'completed' ? Math.floor(Date.now() / 1000) : null,
      incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
      output: [item],
      ...(usage === null ? {} : this.costs(usage)),
    });
    const { text, logprobs } = part;
    yield { type: 'response.output_text.done', ...this.place(), text, logprobs };
    yield { type: 'response.content_part.done', ...this.place(), part };
    yield { type: 'response.output_item.done', output_index: 0, item };
    const type = status === 'completed' ? 'response.completed' : 'response.incomplete';
    yield { type, response: this.response };
  }

  fail({ code, message }: { readonly code: string; readonly message: string }): Event {
    this.change({ status: 'failed', error: { code, message } });
    return { type: 'response.failed', response: this.response };
  }

  private change(changes: Partial<ResponseJson>): void {
    this.response = { ...this.response, ...changes };
    this.run.onChange?.(this.response);
  }

  private place() {
    return { item_id: this.itemId, output_index: 0, content_index: 0 };
  }

  private part(): OutputItemJson['content'][number] {
    return { type: 'output_text', text: this.text, annotations: [], logprobs: [...this.tokens] };
  }

  private item(status: OutputItemJson['status']): OutputItemJson {
    return { id: this.itemId, type: 'message', status, role: 'assistant', content: [this.part()] };
  }

  private costs(usage: GenerateUsage): Pick<ResponseJson, 'usage' | 'timings' | 'resources'> {
    const { prompt_tokens, completion_tokens, total_tokens, speculation } = usageJson(usage);
    return {
      usage: {
        input_tokens: prompt_tokens,
        input_tokens_details: { cached_tokens: usage.cachedTokens },
        output_tokens: completion_tokens,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens,
        speculation,
      },
      timings: timingsJson(usage),
      resources: resourcesJson(this.run.model.manifest, [usage]),
    };
  }
}

/** The whole answer. @throws {EngineError} what failed before the first delta. */
export async function wholeResponse(
  run: ResponseRun,
  deltas: AsyncIterable<Delta>,
): Promise<ResponseJson> {
  let last: ResponseJson | null = null;
  for await (const event of responseEvents(run, deltas))
    if ('response' in event) last = event.response;
  if (last === null) throw new Error('the events of a response ended without one');
  return last;
}
