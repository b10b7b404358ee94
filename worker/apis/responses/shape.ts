/**
 * An answer as OpenAI's response: the events of its stream, the last of which holds the whole response,
 * which is also the answer without a stream. Does not know where responses are stored.
 */
import type { ImageJson } from '../../serving/vision/fields.ts';
import type { Place } from '../../platform/failure.ts';
import { EngineError, ERROR_ROWS } from '../../../engine/base/errors.ts';
import type { ErrorCode } from '../../../engine/base/errors.ts';
import type { GenerateUsage } from '../../../engine/generate/types.ts';
import { recordForClient } from '../../http/error-response.ts';
import type { AnswerReason } from '../../serving/generation/text-events.ts';
import type { ServedModel } from '../../serving/models/model-store.ts';
import { flatCustomNames } from '../../serving/output/api-tools.ts';
import type {
  FlatCustom,
  FlatTool,
  FlatToolChoice,
  TextFormat,
} from '../../serving/fields/output.ts';
import {
  LOGPROBS_INCLUDE,
  RESULTS_INCLUDE,
  type ResponseBody,
  type ResponseEventJson,
  type ResponseJson,
  type UnnumberedEvent,
} from './schema.ts';
import { resourcesJson } from '../../serving/accounting/resources.ts';
import { annotationsOf, type FileSearch } from './file-search.ts';
import { OutputItems } from './item-shape.ts';
import type { ResponseDelta } from './mcp/turns.ts';
import type { SseShape } from '../../http/sse.ts';
import type { McpTool } from '../../serving/fields/mcp.ts';
import { chatTokenJson } from '../chat/token-json.ts';
import { timingsJson, usageJson } from '../../serving/accounting/usage.ts';

/** Failures after the headers are events of their own, made by `responseEvents`. */
export const RESPONSES_SSE: SseShape = {
  isNamed: true,
  last: null,
  failure: ({ code, message, param }) => ({
    ...{ type: 'error', code, message, param, sequence_number: 0 },
  }),
};

type ResponseError = NonNullable<ResponseJson['error']>;

/** Why a response failed, by the codes of OpenAI's schema. */
export function responseError({
  code,
  message,
}: {
  readonly code: ErrorCode;
  readonly message: string;
}): ResponseError {
  return { code: failureCode(code), message, thimble_code: code };
}

function failureCode(code: ErrorCode): ResponseError['code'] {
  if (code === 'E_RATE_LIMIT') return 'rate_limit_exceeded';
  return ERROR_ROWS[code].party === 'caller' ? 'invalid_prompt' : 'server_error';
}

export interface ResponseRun {
  readonly id: string;
  readonly model: ServedModel;
  readonly body: ResponseBody;
  readonly nDropped: number;
  /** What was searched for before the answer; null for nothing. */
  readonly search: FileSearch | null;
  /** Pictures that the model was given as words. */
  readonly images?: readonly ImageJson[];
  /** Seconds since 1970. */
  readonly createdAt: number;
  /** Place of failures during the generation. */
  readonly place: Place;
  /** Whether the response has been cancelled. */
  readonly isCancelled: () => boolean;
  /** Called with every state; with the last one before its event is sent. */
  readonly onChange?: (response: ResponseJson) => Promise<void>;
  /** Called with every event. */
  readonly onEvent?: (event: ResponseEventJson) => void;
}

/** A response without output yet. */
export function emptyResponse(run: ResponseRun, status: 'queued' | 'in_progress'): ResponseJson {
  const { id, model, body, nDropped, images = [], createdAt } = run;
  return {
    id,
    object: 'response',
    created_at: createdAt,
    completed_at: null,
    ...(body.conversation === undefined ? {} : { conversation: { id: body.conversation } }),
    status,
    background: body.background,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: model.id,
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    store: body.store,
    temperature: body.temperature ?? 1,
    text: { format: shownFormat(body.text?.format) },
    tool_choice: shownChoice(body.tool_choice),
    tools: (body.tools ?? []).map(shownTool),
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: body.truncation,
    usage: null,
    timings: null,
    resources: null,
    dropped_messages: nDropped,
    ...(images.length === 0 ? {} : { images: [...images] }),
  };
}

function shownTool(tool: FlatTool): ResponseJson['tools'][number] {
  if (tool.type === 'file_search') {
    const {
      type,
      vector_store_ids,
      max_num_results,
      filters,
      ranking_options: ranking,
      check,
    } = tool;
    return {
      ...{ type, vector_store_ids, max_num_results },
      ...(check === undefined ? {} : { check }),
      ...(filters === undefined ? {} : { filters }),
      ...(ranking === undefined ? {} : { ranking_options: ranking }),
    };
  }
  if (tool.type === 'mcp') return shownServer(tool);
  if (tool.type === 'custom') return shownCustom(tool);
  const { name, description, parameters, strict } = tool;
  return {
    ...{ type: 'function', name, description: description ?? null },
    // Calls always match their schemas, whatever `strict` says.
    ...{ parameters: parameters ?? {}, strict: strict ?? true },
  };
}

function shownCustom({
  type,
  name,
  description,
  format,
}: FlatCustom): ResponseJson['tools'][number] {
  const about = description == null ? {} : { description };
  if (format?.type !== 'grammar') return { type, name, ...about, format: { type: 'text' } };
  const { syntax, definition } = format;
  return { type, name, ...about, format: { type: 'grammar', syntax, definition } };
}

/** Headers and authorization are not kept. */
function shownServer(tool: McpTool): ResponseJson['tools'][number] {
  const { type, server_label, server_url, server_description: description } = tool;
  return {
    ...{ type, server_label, server_url },
    ...(description == null ? {} : { server_description: description }),
    allowed_tools: tool.allowed_tools ?? null,
    require_approval: tool.require_approval ?? 'always',
  };
}

function shownChoice(choice: FlatToolChoice = 'auto'): ResponseJson['tool_choice'] {
  if (typeof choice !== 'object') return choice;
  if (choice.type === 'file_search') return { type: choice.type };
  if (choice.type === 'mcp')
    return { type: choice.type, server_label: choice.server_label, name: choice.name ?? null };
  if (choice.type === 'function' || choice.type === 'custom')
    return { type: choice.type, name: choice.name };
  const tools = choice.tools.map(({ type, name }) => ({ type, name }));
  return { type: choice.type, mode: choice.mode, tools };
}

function shownFormat(format: TextFormat = { type: 'text' }): ResponseJson['text']['format'] {
  if (format.type !== 'json_schema') return { type: format.type };
  const { name = 'answer', description, schema, strict } = format;
  const about = description == null ? {} : { description };
  return { type: 'json_schema', name, ...about, schema, strict: strict ?? true };
}

/**
 * A failure before the first delta is thrown, so that it has its own status; a later one
 * is the last event.
 */
export async function* responseEvents(
  run: ResponseRun,
  deltas: AsyncIterable<ResponseDelta>,
): AsyncGenerator<ResponseEventJson, void, void> {
  let n = 0;
  for await (const unnumbered of events(run, deltas)) {
    const event = { ...unnumbered, sequence_number: n++ };
    run.onEvent?.(event);
    yield event;
  }
}

async function* events(
  run: ResponseRun,
  deltas: AsyncIterable<ResponseDelta>,
): AsyncGenerator<UnnumberedEvent, void, void> {
  const maker = new ResponseMaker(run);
  let hasBegun = false;
  try {
    for await (const delta of deltas) {
      if (delta.type === 'start') {
        hasBegun = true;
        yield* await maker.begin();
        if (run.search !== null)
          yield* maker.items.search(run.search, run.body.include.includes(RESULTS_INCLUDE));
      } else if (delta.type === 'text') {
        const tokens = delta.tokens.map((one) => chatTokenJson(run.model.tokenizer, one));
        yield* maker.items.text(delta.text, tokens);
      } else if (delta.type === 'call') {
        yield* maker.items.call(delta.id, delta.name);
      } else if (delta.type === 'arguments') {
        yield* maker.items.arguments(delta.text);
      } else if (delta.type === 'server_tools') {
        yield* maker.items.serverTools(delta.label, delta.tools);
      } else if (delta.type === 'server_call') {
        yield* maker.items.serverCall(delta);
      } else if (delta.type === 'server_result') {
        yield* maker.items.serverResult(delta);
      } else if (delta.type === 'approval') {
        yield* maker.items.approval(delta);
      } else if (delta.type === 'done') {
        yield* await maker.finish(INCOMPLETE[delta.reason] ?? 'completed', delta.usage);
      }
    }
  } catch (error) {
    if (!hasBegun) throw error;
    if (run.isCancelled()) {
      yield* await maker.finish('cancelled', null);
      return;
    }
    // The client has left: nobody gets the event, and nothing is kept.
    if (error instanceof EngineError && error.code === 'E_ABORTED') throw error;
    yield await maker.fail(recordForClient(error, run.place));
  }
}

type IncompleteReason = NonNullable<ResponseJson['incomplete_details']>['reason'];
const INCOMPLETE: Readonly<Partial<Record<AnswerReason, IncompleteReason>>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
};

/** The states of a response, with their events. */
class ResponseMaker {
  readonly items: OutputItems;
  #response: ResponseJson;
  readonly #run: ResponseRun;

  constructor(run: ResponseRun) {
    this.#run = run;
    const customs = flatCustomNames(run.body);
    const wantsLogprobs = run.body.include.includes(LOGPROBS_INCLUDE);
    this.items = new OutputItems(run.id, wantsLogprobs, customs, (text) =>
      annotationsOf(run.search, text),
    );
    this.#response = emptyResponse(run, 'in_progress');
  }

  async begin(): Promise<UnnumberedEvent[]> {
    await this.#change({});
    const response = this.#response;
    return [
      { type: 'response.created', response },
      { type: 'response.in_progress', response },
    ];
  }

  async finish(
    end: 'completed' | 'cancelled' | IncompleteReason,
    usage: GenerateUsage | null,
  ): Promise<UnnumberedEvent[]> {
    // An answer that ends before it hears of it stays cancelled: so it has been called.
    const state = this.#run.isCancelled() ? 'cancelled' : end;
    const reason = state === 'completed' || state === 'cancelled' ? null : state;
    const status = state === 'completed' || state === 'cancelled' ? state : 'incomplete';
    // Sent only once the last state has been stored.
    const events = [...this.items.end(status === 'completed' ? 'completed' : 'incomplete')];
    await this.#change({
      status,
      completed_at: status === 'completed' ? Math.floor(Date.now() / 1000) : null,
      incomplete_details: reason === null ? null : { reason },
      output: this.items.all,
      ...(usage === null ? {} : this.#costs(usage)),
    });
    const type = status === 'completed' ? 'response.completed' : 'response.incomplete';
    return [...events, { type, response: this.#response }];
  }

  async fail(failure: Parameters<typeof responseError>[0]): Promise<UnnumberedEvent> {
    await this.#change({ status: 'failed', error: responseError(failure) });
    return { type: 'response.failed', response: this.#response };
  }

  async #change(changes: Partial<ResponseJson>): Promise<void> {
    this.#response = { ...this.#response, ...changes };
    await this.#run.onChange?.(this.#response);
  }

  #costs(usage: GenerateUsage): Pick<ResponseJson, 'usage' | 'timings' | 'resources'> {
    const { prompt_tokens, completion_tokens, total_tokens, ...details } = usageJson(usage);
    return {
      usage: {
        input_tokens: prompt_tokens,
        input_tokens_details: details.prompt_tokens_details,
        output_tokens: completion_tokens,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens,
        speculation: details.speculation,
      },
      timings: timingsJson(usage),
      resources: resourcesJson(this.#run.model.manifest, [usage]),
    };
  }
}

/** The whole answer. @throws {EngineError} a failure before the first delta */
export async function wholeResponse(
  run: ResponseRun,
  deltas: AsyncIterable<ResponseDelta>,
): Promise<ResponseJson> {
  let last: ResponseJson | null = null;
  for await (const event of responseEvents(run, deltas))
    if ('response' in event) last = event.response;
  if (last === null) throw new Error('the events of a response ended without one');
  return last;
}
