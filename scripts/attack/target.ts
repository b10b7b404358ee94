/** The server that is attacked, and ways to send it what no proper client sends. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { outcomeOf } from './outcome.ts';
import type { Outcome } from './outcome.ts';

/** Longest wait for the answer to one request. */
const MAX_WAIT_MS = 120_000;

/** Ids of the models that are served; null where there is none of the kind. */
export interface TargetModels {
  readonly text: string;
  readonly encoder: string | null;
  readonly recognition: string | null;
  readonly pictures: string | null;
}

export class Target {
  readonly url: string;
  readonly models: TargetModels;

  constructor(url: string, models: TargetModels) {
    this.url = url;
    this.models = models;
  }

  /** @param body sent as it is when it is a text, bytes or a form; otherwise as JSON */
  async post(path: string, body: unknown, signal?: AbortSignal): Promise<Outcome> {
    const isJson = !(body instanceof FormData);
    const text =
      typeof body === 'string' || body instanceof FormData || body instanceof Uint8Array
        ? (body as BodyInit)
        : JSON.stringify(body);
    return await this.ask(path, {
      method: 'POST',
      body: text,
      ...(isJson ? { headers: { 'content-type': 'application/json' } } : {}),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async ask(path: string, init: RequestInit = {}): Promise<Outcome> {
    const signal = AbortSignal.any([
      AbortSignal.timeout(MAX_WAIT_MS),
      ...(init.signal == null ? [] : [init.signal]),
    ]);
    try {
      const response = await fetch(`${this.url}${path}`, { ...init, signal });
      return outcomeOf(response.status, await response.text());
    } catch (error) {
      return { status: 0, code: error instanceof Error ? error.name : 'Error' };
    }
  }

  /** Sends a request over a connection of its own, whose answer nobody reads until `read` or the end. */
  async sendUnread(path: string, body: unknown): Promise<Socket> {
    const { hostname, port } = new URL(this.url);
    const text = JSON.stringify(body);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => undefined);
    socket.pause();
    await new Promise<void>((resolve) => {
      socket.once('connect', resolve);
      socket.once('error', () => resolve());
    });
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${new TextEncoder().encode(text).length}\r\n\r\n${text}`,
    );
    return socket;
  }
}
