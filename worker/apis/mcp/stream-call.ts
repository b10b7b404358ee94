/** tools/call: the result, after progress for clients that ask for it, as events or as one JSON value. */
import type { z } from 'zod';
import type { EndpointContext } from '../../http/endpoint.ts';
import { errorBody, recordForClient } from '../../http/error-response.ts';
import { longResponse } from '../../http/kept-alive.ts';
import { sseResponse } from '../../http/sse.ts';
import type { SseShape } from '../../http/sse.ts';
import { callTool, failureResult } from './call-tool.ts';
import type { ToolResult } from './call-tool.ts';
import { errorMessage, notification, resultMessage, RPC_CODES, RpcError } from './json-rpc.ts';
import type { messageSchema, MessageId } from './json-rpc.ts';
import { cancellable } from './running-calls.ts';
import { TOOLS } from './tools.ts';
import type { ToolRow } from './tools.ts';

export type McpContext = EndpointContext<z.output<typeof messageSchema>>;
type Params = Readonly<Record<string, unknown>>;

/** How often a client is told that its call still runs. */
const PROGRESS_MS = 500;

interface ToolCall {
  readonly row: ToolRow;
  readonly given: Params;
  readonly progressToken: MessageId | null;
}

/** @throws {RpcError} for an unknown tool, and for params that are none of tools/call */
export async function answerCall(
  context: McpContext,
  id: MessageId,
  params: Params,
): Promise<Response> {
  const call = readCall(params);
  const { request, record, caller } = context;
  // Fires when the client has left, too: then the stream is cancelled.
  const abort = new AbortController();
  const signal = AbortSignal.any([request.signal, abort.signal]);
  const end = (): void => abort.abort();
  const made = cancellable(caller, request, id, abort, () => run(context, call, signal));
  // The runtime drops a request whose client has left; what it used has to be counted first.
  context.waitUntil(made);
  const now = Promise.resolve();
  if (request.headers.get('accept')?.includes('text/event-stream') !== true) {
    const message = made.then((result) => Response.json(resultMessage(id, result)));
    return await longResponse({ made: message, begun: now, record, onEnd: end });
  }
  const shape: SseShape = {
    ...{ isNamed: false, last: null },
    failure: ({ message }) => errorMessage(id, RPC_CODES.internal, message),
  };
  return await sseResponse(events(made, id, call.progressToken, signal), shape, record, end, now);
}

/** A failure is a result that the model reads. */
async function run(
  { askRow, record }: McpContext,
  { row, given }: ToolCall,
  signal: AbortSignal,
): Promise<ToolResult> {
  try {
    return await callTool(row, given, askRow, signal);
  } catch (error) {
    const failure = recordForClient(error, record);
    record.fail(failure.code);
    return failureResult(errorBody(failure).error);
  }
}

async function* events(
  made: Promise<ToolResult>,
  id: MessageId,
  progressToken: MessageId | null,
  signal: AbortSignal,
): AsyncGenerator<unknown, void, void> {
  const done = made.then((result) => ({ result }));
  const startedAtMs = Date.now();
  for (let progress = 1; ; progress++) {
    const ended = progressToken === null ? await done : await within(done, PROGRESS_MS);
    // A request that was cancelled is not answered.
    if (signal.aborted) return;
    if (ended !== null) {
      yield resultMessage(id, ended.result);
      return;
    }
    const seconds = Math.round((Date.now() - startedAtMs) / 1000);
    yield notification('notifications/progress', {
      ...{ progressToken, progress, message: `running for ${seconds} s` },
    });
  }
}

/** What is awaited; null when it takes longer. */
async function within<T>(made: Promise<T>, ms: number): Promise<T | null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), ms);
  try {
    return await Promise.race([made, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** @throws {RpcError} */
function readCall({ name, arguments: given = {}, _meta: meta }: Params): ToolCall {
  const row = TOOLS.find((tool) => tool.name === name);
  if (row === undefined)
    throw new RpcError(
      'invalidParams',
      `name: no tool ${shown(name)}; expected one of ${TOOLS.map((tool) => tool.name).join(', ')}.`,
    );
  if (!isRecord(given))
    throw new RpcError('invalidParams', `arguments: expected an object, got ${shown(given)}.`);
  const token = isRecord(meta) ? meta['progressToken'] : undefined;
  const isToken = typeof token === 'string' || typeof token === 'number';
  return { row, given, progressToken: isToken ? token : null };
}

const isRecord = (value: unknown): value is Params =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 80);
}
