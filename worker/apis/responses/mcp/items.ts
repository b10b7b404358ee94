/** Items about tools of MCP servers in the conversation of a response. */
import { textContent, textMessage } from '../../../serving/conversation/message.ts';
import type { Message } from '../../../serving/conversation/message.ts';
import { parseArguments } from '../../chat/schema.ts';
import type { InputItemJson, McpErrorJson, SentItem } from '../item-schema.ts';
import type { ItemType } from '../item-shape.ts';

const SERVER_TYPES = ['mcp_call', 'mcp_approval_request', 'mcp_approval_response'] as const;
type ServerType = (typeof SERVER_TYPES)[number];

/** As they are sent. */
export type ServerItem = Extract<SentItem, { type: ServerType }>;
/** As they are kept. */
type KeptItem = Extract<InputItemJson, { type: ServerType }>;

export const isServerItem = (item: SentItem): item is ServerItem =>
  SERVER_TYPES.some((type) => type === item.type);

/** @param renamed ids of approval requests by those that the client sent */
export function newServerItem(
  item: ServerItem,
  newItemId: (type: ItemType) => string,
  renamed: ReadonlyMap<string, string>,
): KeptItem {
  const id = newItemId(item.type);
  if (item.type === 'mcp_approval_response') {
    const requestId = renamed.get(item.approval_request_id) ?? item.approval_request_id;
    return {
      ...{ id, type: item.type, request_id: requestId, approval_request_id: requestId },
      ...{ approve: item.approve, reason: item.reason ?? null },
    };
  }
  const { server_label, name, arguments: json } = item;
  const call = { server_label, name, arguments: json };
  if (item.type === 'mcp_approval_request') return { id, type: item.type, ...call };
  const approvalId = item.approval_request_id ?? null;
  return {
    ...{ id, type: item.type, status: 'completed', ...call },
    ...{ output: item.output ?? errorText(item.error), error: null },
    approval_request_id: approvalId === null ? null : (renamed.get(approvalId) ?? approvalId),
  };
}

/** What a client sends back of a call that failed. */
function errorText(error: unknown): string {
  return error == null ? '' : `Error: ${JSON.stringify(error)}`;
}

/** A call, and what came of it; nothing for a request that was approved, whose call follows, or was not answered. */
export function serverMessages(item: KeptItem, all: readonly InputItemJson[]): Message[] {
  if (item.type === 'mcp_approval_request') return [];
  if (item.type === 'mcp_call')
    return answeredCall(item.id, item.name, item.arguments, item.output ?? failureText(item.error));
  if (item.approve) return [];
  const request = approvalRequestOf(item, all);
  if (request === null) return [];
  const why = item.reason === null ? '' : ` Reason: ${item.reason}`;
  const refusal = `The user did not approve this call.${why}`;
  return answeredCall(request.id, request.name, request.arguments, refusal);
}

export function approvalRequestOf(
  { approval_request_id: id }: Extract<KeptItem, { type: 'mcp_approval_response' }>,
  all: readonly InputItemJson[],
): Extract<KeptItem, { type: 'mcp_approval_request' }> | null {
  const found = all.find((item) => item.id === id);
  return found?.type === 'mcp_approval_request' ? found : null;
}

/** The text that a model reads of a call that failed. */
export function failureText(error: McpErrorJson | null): string {
  if (error === null) return '';
  const text =
    error.type === 'mcp_tool_execution_error'
      ? error.content.map((part) => part.text).join('\n')
      : error.message;
  return `Error: ${text}`;
}

/** A call by the assistant, with its answer by the tool. */
function answeredCall(id: string, name: string, json: string, answer: string): Message[] {
  return [callsMessage('', [{ id, name, json }]), answerMessage(id, answer)];
}

export function answerMessage(id: string, answer: string): Message {
  return { ...textMessage('tool', answer), tool_call_id: id };
}

interface NamedCall {
  readonly id: string;
  readonly name: string;
  /** JSON text of an object: checked when it was received, or generated under a grammar. */
  readonly json: string;
}

/** What the assistant said, and the calls that it made then. */
export function callsMessage(text: string, calls: readonly NamedCall[]): Message {
  return {
    role: 'assistant',
    content: textContent(text),
    tool_calls: calls.map(({ id, name, json }) => ({
      ...{ id, type: 'function' as const },
      function: { name, arguments: parseArguments(json) ?? {} },
    })),
  };
}
