/**
 * An answer with tools of MCP servers: the model calls, the server is asked, and its result is read by the model as the
 * answer of a tool, until the model answers without a call, or something needs the client.
 */
import { NO_USAGE } from '../../../../engine/generate/types.ts';
import type { GenerateUsage } from '../../../../engine/generate/types.ts';
import { addUsage } from '../../../serving/accounting/usage.ts';
import { contentText } from '../../../serving/conversation/message.ts';
import type { Message } from '../../../serving/conversation/message.ts';
import type { Delta } from '../../../serving/generation/run-generation.ts';
import { McpFailure } from '../../../serving/mcp/failure.ts';
import { resultText } from '../../../serving/mcp/result-text.ts';
import type { Redactor } from '../../../serving/redaction/redactor.ts';
import { parseArguments } from '../../chat/schema.ts';
import { withPassages } from '../../retrieval/retrieve.ts';
import type { ListedToolJson, McpErrorJson } from '../item-schema.ts';
import type { ServerCall } from '../item-shape.ts';
import type { ApprovedCall } from './approvals.ts';
import type { FitResult } from './fit-result.ts';
import { answerMessage, callsMessage, failureText } from './items.ts';
import type { McpServers, ServerTool } from './servers.ts';
import { mayBeCall, readWrittenCall } from './written-call.ts';

/** Rounds of calls in one answer; the next one has to do without. */
export const MAX_ROUNDS = 8;

/** What happens beside the text of an answer. */
export type ServerDelta = { readonly choice: 0 } & (
  | {
      readonly type: 'server_tools';
      readonly label: string;
      readonly tools: readonly ListedToolJson[];
    }
  | ({ readonly type: 'server_call' } & ServerCall)
  | {
      readonly type: 'server_result';
      readonly output: string | null;
      readonly error: McpErrorJson | null;
    }
  | ({ readonly type: 'approval' } & Omit<ServerCall, 'approvalId'>)
);
export type ResponseDelta = Delta | ServerDelta;

/** Whether the model may call: as the request says, as it likes, or not any more. */
export type RoundTools = 'asked' | 'auto' | 'none';

export interface TurnsPlan {
  readonly servers: McpServers;
  readonly approved: readonly ApprovedCall[];
  readonly messages: readonly Message[];
  /** Whether the model chooses to call; one that has to answers once it has the result. */
  readonly isFree: boolean;
  /** Whether an answer that is nothing but a call counts as one: not where the request asks for JSON, or limits tools. */
  readonly readsWritten: boolean;
  /** Most tokens of all rounds; undefined for no limit. */
  readonly maxTokens: number | undefined;
  readonly fit: FitResult;
  readonly redactor: Redactor | null;
  /** Fires when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly generate: (
    messages: readonly Message[],
    tools: RoundTools,
    maxTokens: number | undefined,
  ) => AsyncGenerator<Delta, void, void>;
}

interface PendingCall {
  readonly id: string;
  readonly tool: ServerTool;
  arguments: string;
}

/** What one generation gave besides its deltas. */
interface Round {
  text: string;
  /** Text that may be a call, which the client does not have yet. */
  held: string;
  readonly calls: PendingCall[];
  /** Calls of servers by their index among all calls. */
  readonly byIndex: Map<number, PendingCall>;
  /** Calls of the request's own functions. */
  nOwn: number;
  done: Extract<Delta, { type: 'done' }> | null;
}

export async function* serverTurns(plan: TurnsPlan): AsyncGenerator<ResponseDelta, void, void> {
  try {
    yield* turns(plan);
  } finally {
    await plan.servers.close();
  }
}

async function* turns(plan: TurnsPlan): AsyncGenerator<ResponseDelta, void, void> {
  const { servers, approved, maxTokens } = plan;
  const messages = [...plan.messages];
  /** A model that writes calls as text would go on with them. */
  let hasWritten = false;
  let usage = NO_USAGE;
  let hasBegun = false;
  const begin = function* (given: GenerateUsage): Generator<ResponseDelta, void, void> {
    if (hasBegun) return;
    hasBegun = true;
    yield { type: 'start', usage: given, choice: 0 };
    for (const { label, tools } of servers.lists)
      yield { type: 'server_tools', label, tools, choice: 0 };
  };
  // Calls were approved: nothing can be refused any more that the model could have been asked before.
  if (approved.length > 0) yield* begin(NO_USAGE);
  const before = approved.map(({ approvalId: id, ...call }): PendingCall => ({ id, ...call }));
  if (before.length > 0) messages.push(...(yield* runCalls(plan, '', before, true, 0)));

  for (let n = 0; ; n++) {
    const left = maxTokens === undefined ? undefined : maxTokens - usage.completionTokens;
    const isFirst = n === 0 && approved.length === 0;
    const isOver = n >= MAX_ROUNDS || hasWritten || (!isFirst && !plan.isFree);
    const tools = isFirst ? 'asked' : isOver ? 'none' : 'auto';
    const read = tools === 'none' ? toldResults(plan.messages, messages) : messages;
    const round: Round = { text: '', held: '', calls: [], byIndex: new Map(), nOwn: 0, done: null };
    const mayWrite = plan.readsWritten && tools !== 'none';
    for await (const delta of plan.generate(read, tools, left)) {
      if (delta.type === 'start') yield* begin(delta.usage);
      else yield* take(delta, round, servers, mayWrite);
    }
    hasWritten ||= takeWritten(round, servers);
    yield* heldText(round);
    const { done, calls } = round;
    if (done === null) return;
    usage = addUsage(usage, done.usage);
    const isSpent = maxTokens !== undefined && usage.completionTokens >= maxTokens;
    // A call that was cut off is not made.
    if (done.reason !== 'tool_calls' || calls.length === 0) {
      yield { ...done, usage };
      return;
    }
    const waiting = calls.filter(({ tool }) => tool.needsApproval);
    const free = calls.filter(({ tool }) => !tool.needsApproval);
    const nUsed = done.usage.promptTokens + done.usage.completionTokens;
    messages.push(...(yield* runCalls(plan, round.text, free, false, nUsed)));
    for (const call of waiting)
      yield { type: 'approval', ...shownCall(call, plan.redactor), choice: 0 };
    if (waiting.length > 0 || round.nOwn > 0 || isSpent) {
      yield { ...done, usage, reason: isSpent ? 'length' : done.reason };
      return;
    }
  }
}

/** Calls of servers are kept until they are whole; everything else passes. */
function* take(
  delta: Delta,
  round: Round,
  { tools }: McpServers,
  mayWrite: boolean,
): Generator<ResponseDelta, void, void> {
  if (delta.type === 'text' && mayWrite && round.text === '' && delta.tokens.length === 0) {
    round.held += delta.text;
    if (!mayBeCall(round.held)) yield* heldText(round);
    return;
  }
  if (delta.type === 'done') {
    round.done = delta;
    return;
  }
  yield* heldText(round);
  if (delta.type === 'call') {
    const tool = tools.find(({ name }) => name === delta.name);
    if (tool === undefined) {
      round.nOwn++;
      yield delta;
    } else {
      const call: PendingCall = { id: delta.id, tool, arguments: '' };
      round.calls.push(call);
      round.byIndex.set(delta.index, call);
    }
  } else if (delta.type === 'arguments') {
    const call = round.byIndex.get(delta.index);
    if (call === undefined) yield delta;
    else call.arguments += delta.text;
  } else {
    if (delta.type === 'text') round.text += delta.text;
    yield delta;
  }
}

/** The text that was held back, since it is no call. */
function* heldText(round: Round): Generator<ResponseDelta, void, void> {
  const text = round.held;
  if (text === '') return;
  round.held = '';
  round.text += text;
  yield { type: 'text', text, tokens: [], choice: 0 };
}

/** Makes the text that was held back a call, if it is one. @returns whether it is */
function takeWritten(round: Round, { tools }: McpServers): boolean {
  const { done, held, calls } = round;
  if (done?.reason !== 'stop' || held === '' || calls.length > 0) return false;
  const call = readWrittenCall(held, tools);
  if (call === null) return false;
  calls.push({ id: `call_${crypto.randomUUID().replaceAll('-', '')}`, ...call });
  round.held = '';
  round.done = { ...done, reason: 'tool_calls' };
  return true;
}

/**
 * The conversation for an answer without calls: the results go before the question, as quoted passages, since a model
 * that saw its own calls would go on calling.
 */
function toldResults(before: readonly Message[], all: readonly Message[]): readonly Message[] {
  const results = all.slice(before.length).filter(({ role }) => role === 'tool');
  if (results.length === 0) return all;
  return withPassages(
    before,
    results.map(({ content }, i) => ({ index: i + 1, text: contentText(content) })),
  );
}

/** What the client sees, with the values that placeholders stand for. */
function shownCall(
  { tool, arguments: json }: PendingCall,
  redactor: Redactor | null,
): Omit<ServerCall, 'approvalId'> {
  const shown = redactor?.restore(json, (value) => JSON.stringify(value).slice(1, -1)) ?? json;
  return { label: tool.serverLabel, name: tool.remoteName, arguments: shown };
}

/**
 * @param nUsed tokens of the conversation before the results
 * @returns the calls and their answers as the model reads them; nothing without a call
 */
async function* runCalls(
  { redactor, fit, signal }: TurnsPlan,
  text: string,
  calls: readonly PendingCall[],
  areApproved: boolean,
  nUsed: number,
): AsyncGenerator<ResponseDelta, Message[], void> {
  if (calls.length === 0) return [];
  const answers: Message[] = [];
  for (const call of calls) {
    const approvalId = areApproved ? call.id : null;
    yield { type: 'server_call', ...shownCall(call, redactor), approvalId, choice: 0 };
    const { output, error } = await ask(call, (text) => fit(text, nUsed, calls.length), signal);
    const shown = output === null || redactor === null ? output : redactor.restore(output);
    yield { type: 'server_result', output: shown, error, choice: 0 };
    const read = output ?? failureText(error);
    // The result is redacted like everything else that a model reads.
    const answer = redactor === null ? read : await redactor.redact(read);
    answers.push(answerMessage(call.id, answer));
  }
  const named = calls.map(({ id, tool, arguments: json }) => ({ id, name: tool.name, json }));
  return [callsMessage(text, named), ...answers];
}

/** A failure is something that the model reads, and may mend. */
async function ask(
  { tool, arguments: json }: PendingCall,
  cut: (text: string) => string,
  signal: AbortSignal,
): Promise<{ output: string | null; error: McpErrorJson | null }> {
  try {
    const args = { ...parseArguments(json) };
    const result = await tool.client.callTool(tool.remoteName, args, signal);
    const text = cut(resultText(result));
    if (!result.isError) return { output: text, error: null };
    const content = [{ type: 'text' as const, text }];
    return { output: null, error: { type: 'mcp_tool_execution_error', content } };
  } catch (error) {
    if (!(error instanceof McpFailure)) throw error;
    const { kind, code, message } = error;
    const type = kind === 'http' ? 'http_error' : 'mcp_protocol_error';
    return { output: null, error: { type, code: Math.trunc(code), message } };
  }
}
