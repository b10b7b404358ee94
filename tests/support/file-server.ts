/** An HTTP server for one file that misbehaves on request: cuts off, ignores Range, lies, hangs. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FileServerBehaviour {
  /** Ends the connection after this many bytes of a body, this many times. */
  cutAfterBytes: number;
  cuts: number;
  ignoreRange: boolean;
  status: number;
  hang: boolean;
  /** Sends headers and some bytes, then nothing. */
  stall: boolean;
  etag: string;
}

export interface FileServer {
  readonly url: string;
  readonly behaviour: FileServerBehaviour;
  /** The Range header of each request, '' for none. */
  readonly ranges: string[];
  body: Uint8Array;
  close(): Promise<void>;
}

export async function startFileServer(body: Uint8Array): Promise<FileServer> {
  const behaviour: FileServerBehaviour = {
    cutAfterBytes: 0,
    cuts: 0,
    ignoreRange: false,
    status: 200,
    hang: false,
    stall: false,
    etag: '"one"',
  };
  const ranges: string[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range ?? '');
    if (!behaviour.hang) answer(request, response, state.body, behaviour);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const state: FileServer = {
    url: `http://127.0.0.1:${port}/model.gguf`,
    behaviour,
    ranges,
    body,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return state;
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  body: Uint8Array,
  behaviour: FileServerBehaviour,
): void {
  if (behaviour.status !== 200) {
    response.writeHead(behaviour.status).end('no');
    return;
  }
  const match = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const ifRange = request.headers['if-range'];
  const useRange =
    match !== null &&
    !behaviour.ignoreRange &&
    (ifRange === undefined || ifRange === behaviour.etag);
  const start = useRange ? Number(match[1]) : 0;
  if (start >= body.byteLength) {
    response.writeHead(416, { 'content-range': `bytes */${body.byteLength}` }).end();
    return;
  }
  const part = body.subarray(start);
  response.writeHead(useRange ? 206 : 200, {
    'content-length': part.byteLength,
    etag: behaviour.etag,
    ...(useRange
      ? { 'content-range': `bytes ${start}-${body.byteLength - 1}/${body.byteLength}` }
      : {}),
  });
  if (behaviour.stall) {
    response.write(part.subarray(0, 10));
  } else if (behaviour.cuts > 0) {
    behaviour.cuts--;
    // Only when the bytes are out may the connection break.
    response.write(part.subarray(0, behaviour.cutAfterBytes), () => response.destroy());
  } else {
    response.end(part);
  }
}
