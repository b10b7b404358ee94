/** Messages of MCP from a pipe to a server over streamable HTTP, and back. */
import { EngineError } from '../../../engine/base/errors.ts';

/** JSON-RPC's code of a failure that is not the request's. */
const INTERNAL = -32603;
const MAX_SHOWN_CHARS = 500;

interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly requestId?: string | number };
}

export interface BridgeOutput {
  /** A message for the client, one line of JSON. */
  readonly message: (line: string) => void;
  /** For a person. */
  readonly note: (line: string) => void;
}

export class StdioBridge {
  readonly #url: URL;
  readonly #key: string | null;
  readonly #output: BridgeOutput;
  readonly #running = new Map<string | number, AbortController>();
  readonly #pending = new Set<Promise<void>>();
  #session: string | null = null;

  /** @throws {EngineError} E_USAGE for what is not an address */
  constructor(url: string, key: string | null, output: BridgeOutput) {
    if (!/^https?:/.test(url) || !URL.canParse(url))
      throw new EngineError(
        'E_USAGE',
        `url: expected an address such as https://HOST, got ${url}.`,
      );
    this.#url = new URL(url);
    if (this.#url.pathname === '/') this.#url.pathname = '/mcp';
    this.#key = key;
    this.#output = output;
  }

  /** Sends a line of the client; what it asks is answered later, and only its first message is waited for. */
  async take(line: string): Promise<void> {
    if (line.trim() === '') return;
    const message = readMessage(line);
    if (message === null) {
      this.#output.note('error: expected a JSON object on each line');
      return;
    }
    const cancelled = message.params?.requestId;
    // Closing the connection ends the call on every server; the message goes there, too.
    if (message.method === 'notifications/cancelled' && cancelled !== undefined)
      this.#running.get(cancelled)?.abort();
    const sent = this.#send(line, message);
    this.#pending.add(sent);
    void sent.finally(() => this.#pending.delete(sent));
    if (message.method === 'initialize') await sent;
  }

  /** Resolves when everything that was asked is answered. */
  async end(): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #send(line: string, { id }: Message): Promise<void> {
    const abort = new AbortController();
    if (id !== undefined) this.#running.set(id, abort);
    try {
      await this.#pass(line, abort.signal);
    } catch (error) {
      // Nobody waits for the answer of a call that was cancelled.
      if (abort.signal.aborted) return;
      const message = error instanceof Error ? error.message : String(error);
      const text = `${this.#url.href}: ${message.slice(0, MAX_SHOWN_CHARS)}`;
      if (id === undefined) this.#output.note(`error: ${text}`);
      else
        this.#output.message(
          JSON.stringify({ jsonrpc: '2.0', id, error: { code: INTERNAL, message: text } }),
        );
    } finally {
      if (id !== undefined) this.#running.delete(id);
    }
  }

  async #pass(body: string, signal: AbortSignal): Promise<void> {
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(this.#key === null ? {} : { authorization: `Bearer ${this.#key}` }),
        ...(this.#session === null ? {} : { 'mcp-session-id': this.#session }),
      },
      ...{ body, signal },
    });
    this.#session ??= response.headers.get('mcp-session-id');
    const type = response.headers.get('content-type') ?? '';
    if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
    if (type.startsWith('text/event-stream')) return await this.#passEvents(response);
    const text = (await response.text()).trim();
    if (text !== '') this.#output.message(text);
  }

  /** Each event of the server's is one line of data. */
  async #passEvents(response: Response): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of response.body ?? []) {
      const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('data: ')) this.#output.message(line.slice(6));
    }
  }
}

function readMessage(line: string): Message | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
