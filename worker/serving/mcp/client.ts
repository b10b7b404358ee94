/**
 * A connection to an MCP server over streamable HTTP, as a client that has no tools of its own. Bounded in time and
 * bytes; follows no redirect that leaves the deployment's list.
 */
import { EngineError } from '../../../engine/base/errors.ts';
import { VERSION } from '../../platform/version.ts';
import { isAllowed } from './allow-list.ts';
import type { McpEnv } from './allow-list.ts';
import { McpFailure } from './failure.ts';
import {
  IMPLEMENTATION,
  isProtocolVersion,
  LATEST_VERSION,
  rpcAnswerSchema,
  SESSION_HEADER,
  toolPageSchema,
  toolResultSchema,
  VERSION_HEADER,
} from './protocol.ts';
import type { ListedTool, ToolResult } from './protocol.ts';
import { readRpcAnswer } from './read-answer.ts';

type Json = Readonly<Record<string, unknown>>;

const MAX_REDIRECTS = 3;
/** Pages of a list of tools. */
const MAX_PAGES = 16;
const MAX_MESSAGE_CHARS = 500;
/** What ends a session; nobody waits for its answer longer. */
const CLOSE_MS = 2000;
/** Status of a server that did not answer in time. */
const TIMED_OUT = 504;

export interface McpClientOptions {
  readonly env: McpEnv;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds that one answer may take. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export class McpClient {
  readonly #options: McpClientOptions;
  #url: URL;
  #session: string | null = null;
  #version: string | null = null;
  #nId = 0;

  private constructor(options: McpClientOptions) {
    this.#options = options;
    this.#url = options.url;
  }

  /** @throws {McpFailure} */
  static async connect(options: McpClientOptions): Promise<McpClient> {
    const client = new McpClient(options);
    const { protocolVersion } = await client.#ask('initialize', {
      protocolVersion: LATEST_VERSION,
      capabilities: {},
      clientInfo: { ...IMPLEMENTATION, version: VERSION },
    });
    if (!isProtocolVersion(protocolVersion))
      throw new McpFailure('protocol', 'it speaks no version of the protocol that is known here');
    client.#version = String(protocolVersion);
    await client.#tell('notifications/initialized');
    return client;
  }

  /** @param most tools that are of use; one more may be returned @throws {McpFailure} */
  async listTools(most: number): Promise<ListedTool[]> {
    const tools: ListedTool[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < MAX_PAGES && tools.length <= most; page++) {
      const params: Json = cursor === null ? {} : { cursor };
      const parsed = toolPageSchema.safeParse(await this.#ask('tools/list', params));
      if (!parsed.success) throw new McpFailure('protocol', 'its list of tools is not valid');
      tools.push(...parsed.data.tools);
      cursor = parsed.data.nextCursor ?? null;
      if (cursor === null) break;
    }
    return tools.slice(0, most + 1);
  }

  /** @param signal of whoever waits for the result @throws {McpFailure} */
  async callTool(name: string, args: Json, signal: AbortSignal): Promise<ToolResult> {
    const parsed = toolResultSchema.safeParse(
      await this.#ask('tools/call', { name, arguments: args }, signal),
    );
    if (!parsed.success) throw new McpFailure('protocol', 'the result of its tool is not valid');
    return parsed.data;
  }

  /** Ends the session, if the server has one. */
  async close(): Promise<void> {
    if (this.#session === null) return;
    const signal = AbortSignal.timeout(CLOSE_MS);
    const init = {
      method: 'DELETE',
      headers: this.#headers(),
      redirect: 'manual',
      signal,
    } as const;
    try {
      const response = await fetch(this.#url, init);
      await response.body?.cancel();
    } catch {
      // It ends by itself.
    }
  }

  async #ask(method: string, params: Json, waiting?: AbortSignal): Promise<Json> {
    const id = ++this.#nId;
    return await this.#inTime(waiting, async (signal) => {
      const response = await this.#post({ jsonrpc: '2.0', id, method, params }, signal);
      const parsed = rpcAnswerSchema.safeParse(await readRpcAnswer(response, id));
      if (!parsed.success) throw new McpFailure('protocol', 'its answer is not JSON-RPC');
      const { result, error } = parsed.data;
      if (error !== undefined) throw new McpFailure('protocol', shown(error.message), error.code);
      if (result === undefined) throw new McpFailure('protocol', 'its answer has no result');
      this.#session ??= response.headers.get(SESSION_HEADER);
      return result;
    });
  }

  async #tell(method: string): Promise<void> {
    await this.#inTime(undefined, async (signal) => {
      const response = await this.#post({ jsonrpc: '2.0', method }, signal);
      await response.body?.cancel();
    });
  }

  async #post(message: Json, signal: AbortSignal): Promise<Response> {
    const body = JSON.stringify(message);
    for (let n = 0; n <= MAX_REDIRECTS; n++) {
      const init = { method: 'POST', headers: this.#headers(), body, signal } as const;
      const response = await fetch(this.#url, { ...init, redirect: 'manual' });
      if (response.ok) return response;
      await response.body?.cancel();
      this.#url = this.#redirect(response);
    }
    throw new McpFailure('http', 'it redirects too often');
  }

  /** Where a message has to be sent instead. @throws {McpFailure} for other failures */
  #redirect({ status, headers }: Response): URL {
    const location = headers.get('location');
    // Others change the method.
    const isRedirect = (status === 307 || status === 308) && location !== null;
    if (!isRedirect || !URL.canParse(location, this.#url.href))
      throw new McpFailure('http', `it answered with status ${status}`, status);
    const url = new URL(location, this.#url);
    if (url.origin !== this.#url.origin || !isAllowed(this.#options.env, url))
      throw new McpFailure('http', 'it redirects to an address that is not on the list', status);
    return url;
  }

  #headers(): Record<string, string> {
    return {
      ...this.#options.headers,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(this.#session === null ? {} : { [SESSION_HEADER]: this.#session }),
      ...(this.#version === null ? {} : { [VERSION_HEADER]: this.#version }),
    };
  }

  /** @throws {McpFailure} for a server that is not there or too slow; {EngineError} E_ABORTED when the caller has left */
  async #inTime<T>(
    waiting: AbortSignal | undefined,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { signal: given, timeoutMs } = this.#options;
    const signal = waiting ?? given;
    const late = Promise.withResolvers<never>();
    const abort = new AbortController();
    const end = (error: Error): void => {
      late.reject(error);
      abort.abort();
    };
    const leave = (): void => end(new EngineError('E_ABORTED', 'mcp: the caller has left.'));
    const timer = setTimeout(
      () =>
        end(new McpFailure('http', `it gave no answer within ${timeoutMs / 1000} s`, TIMED_OUT)),
      timeoutMs,
    );
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    try {
      return await Promise.race([run(abort.signal), late.promise]);
    } catch (error) {
      if (error instanceof McpFailure || error instanceof EngineError) throw error;
      throw new McpFailure('http', 'it could not be reached');
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    }
  }
}

function shown(message: string): string {
  return message.slice(0, MAX_MESSAGE_CHARS).toWellFormed();
}
