/** Messages of the Model Context Protocol: JSON-RPC 2.0, one message a request. */
import { z } from 'zod';

const MAX_ID_CHARS = 200;
const MAX_METHOD_CHARS = 100;

const messageId = z.union([z.string().max(MAX_ID_CHARS), z.number()]);
const fields = z.record(z.string(), z.unknown());

/** A request (id and method), a notification (method alone), or an answer of the client. */
export const messageSchema = z
  .looseObject({
    jsonrpc: z.literal('2.0', 'expected "2.0"'),
    id: messageId.optional(),
    method: z.string().max(MAX_METHOD_CHARS).optional(),
    params: fields.optional(),
    result: fields.optional(),
    error: fields.optional(),
  })
  .meta({ id: 'McpMessage' });

export type Message = z.output<typeof messageSchema>;
export type MessageId = z.output<typeof messageId>;

export const answerSchema = z
  .strictObject({
    jsonrpc: z.literal('2.0'),
    id: messageId,
    result: fields.optional(),
    error: z
      .strictObject({ code: z.number().int(), message: z.string(), data: z.unknown().optional() })
      .optional(),
  })
  .meta({ id: 'McpAnswer' });

/** Codes of JSON-RPC 2.0, section 5.1. */
export const RPC_CODES = {
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
} as const;

/** A request that is refused by the protocol, before any tool runs. */
export class RpcError extends Error {
  readonly code: number;

  constructor(kind: keyof typeof RPC_CODES, message: string) {
    super(message);
    this.code = RPC_CODES[kind];
  }
}

export function resultMessage(id: MessageId, result: object): object {
  return { jsonrpc: '2.0', id, result };
}

export function errorMessage(id: MessageId, code: number, message: string, data?: object): object {
  return { jsonrpc: '2.0', id, error: { code, message, ...(data === undefined ? {} : { data }) } };
}

export function notification(method: string, params: object): object {
  return { jsonrpc: '2.0', method, params };
}
