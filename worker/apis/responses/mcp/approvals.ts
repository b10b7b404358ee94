/** Calls that wait for an approval, once the client has answered. */
import { invalidField } from '../../../platform/invalid-field.ts';
import type { InputItemJson } from '../item-schema.ts';
import { approvalRequestOf } from './items.ts';
import type { McpServers, ServerTool } from './servers.ts';

export interface ApprovedCall {
  readonly tool: ServerTool;
  /** JSON text of an object. */
  readonly arguments: string;
  readonly approvalId: string;
}

/**
 * The calls that the new items approve.
 * @throws {EngineError} E_REQUEST_INVALID naming an answer to no request, a second one, or one whose tool is not there
 */
export function readApprovals(
  input: readonly InputItemJson[],
  nNew: number,
  servers: McpServers | null,
): ApprovedCall[] {
  const nOld = input.length - nNew;
  const answered = new Set<string>();
  const approved: ApprovedCall[] = [];
  for (const [at, item] of input.entries()) {
    if (item.type !== 'mcp_approval_response') continue;
    const param = `input[${Math.max(0, at - nOld)}].approval_request_id`;
    const id = item.approval_request_id;
    const request = approvalRequestOf(item, input);
    if (request === null)
      throw invalidField(param, `${shown(id)} is the id of no request for an approval`);
    if (at >= nOld && answered.has(id))
      throw invalidField(param, `${shown(id)} has an answer already`);
    answered.add(id);
    // A call that was made is an item of its own.
    const isDone = input.some((one) => one.type === 'mcp_call' && one.approval_request_id === id);
    if (at < nOld || !item.approve || isDone) continue;
    const tool = servers?.tools.find(
      ({ serverLabel, remoteName }) =>
        serverLabel === request.server_label && remoteName === request.name,
    );
    if (tool === undefined)
      throw invalidField(
        'tools',
        `expected the MCP server ${shown(request.server_label)} with the tool ${shown(request.name)}, whose call is approved`,
      );
    approved.push({ tool, arguments: request.arguments, approvalId: id });
  }
  return approved;
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 100));
