/** Serves a peer's page and its files on this machine: named contents, and folders by prefix. */
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

export interface PageFiles {
  readonly html: string;
  /** `/page.js`: text. */
  readonly scripts?: Readonly<Record<string, string>>;
  /** `/model.gguf`: a file's path; `/model/`: a folder's. */
  readonly paths: Readonly<Record<string, string>>;
}

export interface PageServer {
  readonly url: string;
  close(): void;
}

export function servePage({ html, scripts = {}, paths }: PageFiles): Promise<PageServer> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname;
    const script = scripts[path];
    if (path === '/')
      return void response.writeHead(200, { 'content-type': 'text/html' }).end(html);
    if (script !== undefined)
      return void response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    const file = findFile(paths, path);
    const stats = file === null ? undefined : statSync(file, { throwIfNoEntry: false });
    if (file === null || !stats?.isFile()) return void response.writeHead(404).end();
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-length': stats.size,
    });
    createReadStream(file).pipe(response);
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      resolve({ url: `http://127.0.0.1:${port}/`, close: () => void server.close() });
    }),
  );
}

function findFile(paths: PageFiles['paths'], path: string): string | null {
  const prefix = Object.keys(paths).find((key) =>
    key.endsWith('/') ? path.startsWith(key) : path === key,
  );
  if (prefix === undefined) return null;
  const root = paths[prefix]!;
  // The URL is normalized already; this keeps an encoded `..` inside as well.
  return prefix.endsWith('/') ? join(root, normalize(`/${path.slice(prefix.length)}`)) : root;
}
