/** The server's side of a WebSocket. */
import { agreedProtocol } from '../access/credentials.ts';
import { EngineError } from '../../engine/base/errors.ts';

/** @throws {EngineError} E_REQUEST_INVALID for a request without an upgrade to a WebSocket */
export function requireUpgrade({ headers }: Request): void {
  if (headers.get('upgrade')?.toLowerCase() === 'websocket') return;
  throw new EngineError(
    'E_REQUEST_INVALID',
    'websocket: expected the header "upgrade: websocket". Connect with a WebSocket client.',
  );
}

/** The response that opens a socket; browsers fail when none of their subprotocols is agreed to. */
export function socketResponse(request: Request, webSocket: WebSocket): Response {
  const protocol = agreedProtocol(request);
  const headers = protocol === null ? {} : { 'sec-websocket-protocol': protocol };
  return new Response(null, { status: 101, webSocket, headers });
}

/** @param onLeave called when the socket is closed or broken, possibly more than once */
export function acceptSocket(
  server: WebSocket,
  onMessage: (data: string | ArrayBuffer) => void,
  onLeave: () => void,
): void {
  server.addEventListener('message', ({ data }: { data: string | ArrayBuffer }) => onMessage(data));
  server.addEventListener('close', onLeave);
  server.addEventListener('error', onLeave);
  server.binaryType = 'arraybuffer';
  server.accept();
}
