/** Requests of a backup to a server: with the key of THIMBLE_API_KEY, again after a limit or a busy server. */
import process from 'node:process';
import { EngineError } from '../../engine/base/errors.ts';
import { interruptSignal } from '../lib/interrupt.ts';

const PATH = '/v1/backup';
const CONTENT_PATH = `${PATH}/content`;
const MAX_TRIES = 60;
/** What a server is given that does not say when to come back. */
const RETRY_S = 1;
const MAX_RETRY_S = 60;

export interface Listed {
  readonly name: string;
  readonly bytes: number;
  readonly metadata: Readonly<Record<string, string>>;
}

export class BackupServer {
  readonly #origin: string;

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** All names of a kind. @throws {EngineError} what the server answers */
  async *list(kind: string): AsyncGenerator<Listed> {
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({ kind, ...(cursor === null ? {} : { cursor }) });
      const response: Response = await this.#ask('GET', PATH, query);
      const page = await response.json<{ data: Listed[]; cursor: string | null }>();
      yield* page.data;
      ({ cursor } = page);
    } while (cursor !== null);
  }

  /** Null for what was deleted in the meantime. */
  async read(kind: string, name: string): Promise<AsyncIterable<Uint8Array> | null> {
    const query = new URLSearchParams({ kind, name });
    const response = await this.#ask('GET', CONTENT_PATH, query, null, 404);
    return response.status === 404 ? null : (response.body as AsyncIterable<Uint8Array>);
  }

  /** @param content made again for each try */
  async write(
    kind: string,
    { name, bytes, metadata }: Listed,
    content: () => ReadableStream<Uint8Array>,
  ): Promise<void> {
    const about = { kind, name, bytes: String(bytes), metadata: JSON.stringify(metadata) };
    await (await this.#ask('POST', CONTENT_PATH, new URLSearchParams(about), content)).text();
  }

  async #ask(
    method: string,
    path: string,
    query: URLSearchParams,
    content: (() => ReadableStream<Uint8Array>) | null = null,
    allowed = 200,
  ): Promise<Response> {
    const key = process.env['THIMBLE_API_KEY'] ?? '';
    for (let i = 1; ; i++) {
      const init: RequestInit & { duplex: 'half' } = {
        method,
        duplex: 'half',
        signal: interruptSignal,
        headers: {
          ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
          ...(content === null ? {} : { 'content-type': 'application/octet-stream' }),
        },
        ...(content === null ? {} : { body: content() as BodyInit }),
      };
      const url = new URL(`${path}?${query.toString()}`, this.#origin);
      const response = await fetch(url, init).catch((cause: unknown) => {
        throw new EngineError('E_BACKEND_UNAVAILABLE', `${this.#origin}: does not answer.`, {
          cause,
        });
      });
      if (response.ok || response.status === allowed) return response;
      const text = await response.text();
      const isRefusal = response.status === 429 || response.status === 503;
      if (!isRefusal || i === MAX_TRIES) throw failure(this.#origin, response.status, text);
      const seconds = Number(response.headers.get('retry-after') ?? RETRY_S);
      await new Promise((resolve) => setTimeout(resolve, Math.min(seconds, MAX_RETRY_S) * 1000));
    }
  }
}

function failure(origin: string, status: number, text: string): EngineError {
  const [, message = 'no message'] = /"message":\s*"((?:[^"\\]|\\.)*)"/.exec(text) ?? [];
  const hint =
    status === 401 || status === 403
      ? ' Set THIMBLE_API_KEY to a key with the scope admin.'
      : status === 404
        ? ' Deploy this version, which has backups.'
        : '';
  return new EngineError(
    'E_BACKEND_UNAVAILABLE',
    `${origin}: answered ${status}: ${message.slice(0, 300)}${hint}`,
  );
}
