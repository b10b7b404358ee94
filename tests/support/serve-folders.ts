/** An HTTP server of files in folders, by the first part of the path; a page without content at `/`. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

export interface FolderServer {
  readonly url: string;
  close(): Promise<void>;
}

export async function serveFolders(
  folders: Readonly<Record<string, string>>,
): Promise<FolderServer> {
  const server = createServer((request, response) => {
    const [, first = '', ...rest] = normalize(request.url ?? '/').split('/');
    const root = folders[first];
    if (first === '') return response.setHeader('content-type', 'text/html').end('<!doctype html>');
    if (root === undefined) return response.writeHead(404).end();
    const path = join(root, ...rest);
    readFile(path).then(
      (bytes) =>
        response
          .setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream')
          .end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
