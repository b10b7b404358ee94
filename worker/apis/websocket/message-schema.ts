/** Messages on a WebSocket, in both directions. */
import { z } from 'zod';

const MAX_ID_CHARS = 64;

const id = z.string().min(1).max(MAX_ID_CHARS);

export const clientMessageSchema = z
  .discriminatedUnion(
    'type',
    [
      /** A request to an endpoint: `path` and `body` as in a POST. */
      z.strictObject({
        type: z.literal('request'),
        id,
        path: z.string().max(200),
        body: z.record(z.string(), z.unknown()),
      }),
      /** Ends a request within a token; its `end` still follows. */
      z.strictObject({ type: z.literal('stop'), id }),
      /** Acknowledges all messages up to `seq`. */
      z.strictObject({ type: z.literal('ack'), seq: z.number().int().nonnegative() }),
    ],
    'expected a message of type "request", "stop" or "ack"',
  )
  .meta({ id: 'WebSocketClientMessage' });

export type ClientMessage = z.output<typeof clientMessageSchema>;

/** Every message of the server has the next `seq`, from 1. */
export const serverMessageSchema = z
  .discriminatedUnion('type', [
    /** A server-sent event of a streamed answer. */
    z.strictObject({ type: z.literal('event'), seq: z.number(), id, data: z.unknown() }),
    /** An answer that is not streamed, or an error. */
    z.strictObject({
      type: z.literal('answer'),
      seq: z.number(),
      id,
      status: z.number(),
      body: z.unknown(),
    }),
    /** The request's last message; its id may be used again. */
    z.strictObject({ type: z.literal('end'), seq: z.number(), id, stopped: z.boolean() }),
  ])
  .meta({ id: 'WebSocketServerMessage' });
