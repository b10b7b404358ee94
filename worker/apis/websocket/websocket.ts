/** GET /v1/ws: one socket for many parallel requests. */
import { EngineError } from '../../../engine/base/errors.ts';
import { MAX_REQUESTS, WebSocketConnection, WINDOW_MESSAGES } from './connection.ts';
import { acceptSocket, requireUpgrade, socketResponse } from '../../http/socket.ts';
import { clientMessageSchema, serverMessageSchema } from './message-schema.ts';
import { type Ask, defineEndpoint, type EndpointContext, type Tag } from '../../http/endpoint.ts';

/** Tags of endpoints that a socket can use: those that generate. */
const TAGS: readonly Tag[] = ['generation', 'responses', 'messages'];

export const webSocket = defineEndpoint({
  name: 'webSocket',
  method: 'GET',
  path: '/v1/ws',
  tag: 'generation',
  scope: 'chat',
  summary: 'Many requests on one WebSocket',
  description:
    'Messages are JSON. {"type": "request", "id", "path", "body"} sends a body to an endpoint like a POST; ' +
    '{"type": "stop", "id"} ends the request within a token; {"type": "ack", "seq"} says that all messages up ' +
    'to "seq" have been read. The server answers with "event" (of a streamed answer), "answer" ' +
    `(a whole answer or an error, with its status) and "end", each with the request's id and the next seq. ` +
    `At most ${MAX_REQUESTS} requests run at a time. The server is at most ${WINDOW_MESSAGES} ` +
    'messages ahead of the last ack; then generations wait, and after two minutes the socket is closed.',
  responses: [
    {
      status: 101,
      what: 'the socket; the server sends the event schema, the client the other one',
      schema: clientMessageSchema,
      event: serverMessageSchema,
    },
  ],
  examples: [{ title: 'Refused without an upgrade', status: 400 }],
  handle(context) {
    const { request, record } = context;
    requireUpgrade(request);
    const { 0: client, 1: server } = new WebSocketPair();
    const connection = new WebSocketConnection(server, askHere(context), record);
    const leave = (): void => {
      connection.leave();
      record.end();
    };
    acceptSocket(server, (data) => connection.receive(data), leave);
    record.hold();
    return socketResponse(request, client);
  },
});

/** @throws {EngineError} E_NOT_FOUND for other endpoints. */
function askHere({ site, ask }: EndpointContext<undefined>): Ask {
  const paths = site.endpoints
    .filter(
      ({ method, path, tag }) => method === 'POST' && !path.includes(':') && TAGS.includes(tag),
    )
    .map(({ path }) => path);
  return async (path, body, signal) => {
    if (paths.includes(path)) return await ask(path, body, signal);
    const shown = JSON.stringify(path.slice(0, 80));
    const message = `path: expected one of ${paths.join(', ')}, got ${shown}.`;
    throw new EngineError('E_NOT_FOUND', message);
  };
}
