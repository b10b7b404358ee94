/** Generates a response: in the gateway when it is not stored, else in the response's object. */
import { textMessage } from '../../serving/conversation/message.ts';
import type { Message } from '../../serving/conversation/message.ts';
import type { Caller } from '../../platform/caller.ts';
import type { ServingEnv } from '../../serving/env.ts';
import { recordForClient } from '../../http/error-response.ts';
import { generationParams } from '../../serving/generation/params.ts';
import { runChat } from '../../serving/generation/run-chat.ts';
import type { GenerationParams } from '../../serving/generation/run-generation.ts';
import { findModel } from '../../serving/models/model-store.ts';
import type { ServedModel } from '../../serving/models/model-store.ts';
import type { ToolUse } from '../../serving/output/tools.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import type { RequestRecord } from '../../http/observe/record.ts';
import { flatCustomNames, responseTools } from '../../serving/output/api-tools.ts';
import { withInputs } from '../../serving/output/custom-input.ts';
import { textFormat } from '../../serving/output/constraint.ts';
import { checkCalls, itemTurns, readEarlier, readNew } from './input.ts';
import { readApprovals } from './mcp/approvals.ts';
import { resultFitter } from './mcp/fit-result.ts';
import { openServers } from './mcp/servers.ts';
import type { McpServers } from './mcp/servers.ts';
import { serverTurns } from './mcp/turns.ts';
import type { ResponseDelta } from './mcp/turns.ts';
import { LOGPROBS_INCLUDE } from './schema.ts';
import { answer } from '../../http/answer.ts';
import {
  emptyResponse,
  responseError,
  responseEvents,
  type ResponseRun,
  RESPONSES_SSE,
  wholeResponse,
} from './shape.ts';
import { redactMessages, redactorFor } from '../../serving/redaction/redact-request.ts';
import type { VectorStoresEnv } from '../vector-stores/env.ts';
import { checked } from '../../serving/grounding/check-claims.ts';
import { searchFiles, withFiles } from './file-search.ts';
import type { Redaction, Redactor } from '../../serving/redaction/redactor.ts';
import { restoreOutput } from '../../serving/redaction/restore-output.ts';
import { fitToContext } from '../../serving/generation/fit-context.ts';
import type { InputItemJson } from './item-schema.ts';
import type { ImageJson } from '../../serving/vision/fields.ts';
import type { ResponseBody } from './schema.ts';

/** What POST /v1/responses passes to the object. */
export interface ResponseJob {
  readonly id: string;
  readonly caller: Caller;
  readonly body: ResponseBody;
  /** The whole conversation, the new items last. */
  readonly input: readonly InputItemJson[];
  readonly nNew: number;
  /** Pictures whose words stand in the new items. */
  readonly images: readonly ImageJson[];
  /** What stands in input and instructions in the place of personal data. */
  readonly redactions: readonly Redaction[];
}

export interface ResponsePlan {
  readonly run: ResponseRun;
  readonly signal: AbortSignal;
  readonly record: RequestRecord;
  /** Null where nothing is redacted. */
  readonly redactor: Redactor | null;
  readonly start: (
    signal: AbortSignal,
    onWaiting?: () => void,
  ) => AsyncGenerator<ResponseDelta, void, void>;
  /** Whether a client waits for the answer. Default true. */
  readonly hasClient?: boolean;
  readonly onEnd?: () => void;
}

interface Turn {
  readonly model: ServedModel;
  readonly messages: { readonly history: readonly Message[]; readonly fresh: readonly Message[] };
  readonly tools: ToolUse | null;
}

/** A request as its model reads it. @throws {EngineError} */
export async function readTurn(
  env: ServingEnv,
  { caller, body, input, nNew }: Pick<ResponseJob, 'caller' | 'body' | 'input' | 'nNew'>,
  signal: AbortSignal,
  servers: McpServers | null = null,
): Promise<Turn> {
  const model = await findModel(env.MODELS, body.model ?? (await defaultModelId(env)), caller);
  const { instructions } = body;
  const system = instructions === undefined ? [] : [textMessage('system', instructions)];
  const before = itemTurns(input.slice(0, input.length - nNew), input);
  const after = itemTurns(input.slice(input.length - nNew), input);
  checkCalls(before, after);
  const reading = { env, caller, model, vision: body.vision, signal };
  const fresh = await readNew(reading, after);
  const history = [...system, ...(await readEarlier(reading, before))];
  const messages = { history, fresh };
  return { model, messages, tools: responseTools(body, servers?.tools) };
}

/** Everything but the generation itself: model, messages that fit, parameters. */
export async function planResponse(
  env: VectorStoresEnv,
  job: ResponseJob,
  signal: AbortSignal,
  record: RequestRecord,
): Promise<ResponsePlan> {
  const servers = await openServers(env, job.body, signal);
  try {
    return await planWith(servers, env, job, signal, record);
  } catch (error) {
    await servers?.close();
    throw error;
  }
}

async function planWith(
  servers: McpServers | null,
  env: VectorStoresEnv,
  job: ResponseJob,
  signal: AbortSignal,
  record: RequestRecord,
): Promise<ResponsePlan> {
  const { id, caller, body, redactions, images } = job;
  const { model, messages: turn, tools } = await readTurn(env, job, signal, servers);
  const approved = readApprovals(job.input, job.nNew, servers);
  const { history, fresh } = turn;
  const shown = tools?.tools ?? [];
  const search = await searchFiles(env, caller, body, fresh, signal);
  const { messages: fitted, nDropped } =
    body.truncation === 'auto'
      ? await fitToContext(env, caller, model, history, fresh, body.max_output_tokens, shown)
      : { messages: [...history, ...fresh], nDropped: 0 };
  const redactor = redactorFor(body.redact, redactions);
  // Passages are read by the model, too.
  const messages =
    search === null ? fitted : await redactMessages(redactor, withFiles(fitted, search));
  const createdAt = Math.floor(Date.now() / 1000);
  const wantsLogprobs = body.include.includes(LOGPROBS_INCLUDE);
  const paramsFor = (use: ToolUse | null): Promise<GenerationParams> =>
    generationParams(
      body,
      {
        maxTokens: body.max_output_tokens,
        topLogprobs: wantsLogprobs ? (body.top_logprobs ?? 0) : null,
        format: textFormat(body.text?.format, 'text.format'),
        tools: use,
      },
      model,
    );
  const params = await paramsFor(tools);
  const fit = servers === null ? String : await resultFitter(env, caller, model);
  const generation = { env, caller, model, promptField: 'input' };
  const generate: ResponsePlan['start'] = (ended, onWaiting) => {
    const chat = { ...generation, signal: ended, onWaiting };
    if (servers === null) return runChat({ ...chat, messages, params, tools: shown });
    return serverTurns({
      ...{ servers, approved, messages, redactor, signal: ended },
      isFree: tools === null || tools.choice === 'auto',
      readsWritten: params.calls?.isAtStart === false && tools?.allowed === undefined,
      maxTokens: body.max_output_tokens,
      fit,
      async *generate(now, use, left) {
        const offered = use === 'none' ? null : tools;
        const own = offered === tools ? params : await paramsFor(offered);
        const limited = left === undefined ? own : { ...own, maxTokens: left };
        const round = { messages: now, params: limited, tools: offered?.tools ?? [] };
        yield* runChat({ ...chat, ...round });
      },
    });
  };
  return {
    redactor,
    run: {
      id,
      model,
      body,
      nDropped,
      search,
      images,
      createdAt,
      place: record,
      isCancelled: () => false,
    },
    signal,
    record,
    start: (ended, onWaiting) =>
      withInputs(
        flatCustomNames(body),
        checked(search?.check, restoreOutput(redactor, generate(ended, onWaiting))),
      ),
  };
}

export async function answerResponse(plan: ResponsePlan): Promise<Response> {
  const { run, signal, record, start, hasClient = true, onEnd } = plan;
  return await answer({
    hasClient,
    ...{ modelId: run.model.id, signal, record, sse: RESPONSES_SSE },
    stream: hasClient && run.body.stream,
    run: start,
    chunks: (deltas) => responseEvents(run, deltas),
    whole: (deltas) => wholeResponse(run, deltas),
    ...(onEnd === undefined ? {} : { onEnd }),
  });
}

/** Nobody waits for the response, so a failure becomes its last state. */
export async function runInBackground(plan: ResponsePlan): Promise<void> {
  const { run } = plan;
  try {
    await answerResponse({ ...plan, hasClient: false });
  } catch (error) {
    const failure = recordForClient(error, plan.record);
    plan.record.fail(failure.code);
    const response = emptyResponse(run, 'in_progress');
    if (run.isCancelled()) await run.onChange?.({ ...response, status: 'cancelled' });
    else await run.onChange?.({ ...response, status: 'failed', error: responseError(failure) });
  }
}
