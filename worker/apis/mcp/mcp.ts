/**
 * POST /mcp: the server's tools by the Model Context Protocol, over streamable HTTP. Stateless: each message is answered
 * by itself, and nothing is sent without a request, so that there is no stream to open with GET.
 */
import { defineEndpoint } from '../../http/endpoint.ts';
import { recordForClient } from '../../http/error-response.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import {
  isProtocolVersion,
  PROTOCOL_VERSIONS,
  SESSION_HEADER,
  VERSION_HEADER,
} from '../../serving/mcp/protocol.ts';
import {
  answerSchema,
  errorMessage,
  messageSchema,
  resultMessage,
  RPC_CODES,
  RpcError,
} from './json-rpc.ts';
import type { MessageId } from './json-rpc.ts';
import { METHODS } from './methods.ts';
import { cancelCall } from './running-calls.ts';
import { answerCall } from './stream-call.ts';
import type { McpContext } from './stream-call.ts';

const message = { jsonrpc: '2.0', id: 1 };

export const mcp = defineEndpoint({
  name: 'mcp',
  method: 'POST',
  path: '/mcp',
  tag: 'mcp',
  scope: 'read',
  summary: 'Tools for agents, by the Model Context Protocol',
  description:
    'Streamable HTTP, one JSON-RPC message a request (docs/mcp.md). A call of a tool needs the scope of the endpoint ' +
    'behind the tool, and is counted like a request to it.',
  body: messageSchema,
  responses: [
    {
      status: 200,
      what: 'the answer; of tools/call as server-sent events for clients that accept them',
      schema: answerSchema,
    },
    { status: 202, what: 'a notification was taken' },
  ],
  examples: [
    { title: 'The tools that the key may call', body: { ...message, method: 'tools/list' } },
    {
      title: 'A call',
      body: {
        ...{ ...message, method: 'tools/call' },
        params: {
          name: 'translate',
          arguments: { text: 'Good morning.', target: 'French', max_tokens: 20 },
        },
      },
    },
    { title: 'An unknown method', body: { ...message, method: 'nothing' } },
    { title: 'Not JSON-RPC', body: { id: 1, method: 'ping' }, status: 400 },
  ],
  async handle(context) {
    const { request, body, caller } = context;
    const version = request.headers.get(VERSION_HEADER);
    if (version !== null && !isProtocolVersion(version))
      throw invalidField(
        VERSION_HEADER,
        `expected one of ${PROTOCOL_VERSIONS.join(', ')}, got ${JSON.stringify(version.slice(0, 40))}`,
      );
    const { id, method, params = {} } = body;
    if (method === undefined || id === undefined) {
      const cancelled = params['requestId'];
      const isId = typeof cancelled === 'string' || typeof cancelled === 'number';
      if (method === 'notifications/cancelled' && isId) cancelCall(caller, request, cancelled);
      return new Response(null, { status: 202 });
    }
    try {
      return await answerRequest(context, id, method, params);
    } catch (error) {
      return failed(context, id, error);
    }
  },
});

async function answerRequest(
  context: McpContext,
  id: MessageId,
  method: string,
  params: Readonly<Record<string, unknown>>,
): Promise<Response> {
  if (method === 'tools/call') return await answerCall(context, id, params);
  const run = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
  if (run === undefined)
    throw new RpcError('methodNotFound', `method: no ${JSON.stringify(method)} on this server.`);
  // Names the client to notifications that come later; nothing is kept of it.
  const headers = method === 'initialize' ? { [SESSION_HEADER]: crypto.randomUUID() } : {};
  return Response.json(resultMessage(id, run(params, context.caller)), { headers });
}

function failed({ record }: McpContext, id: MessageId, error: unknown): Response {
  if (error instanceof RpcError) return Response.json(errorMessage(id, error.code, error.message));
  const failure = recordForClient(error, record);
  record.fail(failure.code);
  return Response.json(
    errorMessage(id, RPC_CODES.internal, failure.message, { code: failure.code }),
  );
}
