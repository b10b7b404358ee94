/**
 * Many requests on one WebSocket. A socket accepts everything that is sent and does not say how much waits in
 * it, so the client acknowledges what it has read: the server is at most `WINDOW_MESSAGES` ahead, and
 * generations wait in the meantime. Requests are answered by `ask`.
 */
import { NO_REQUEST } from '../../platform/failure.ts';
import type { Place } from '../../platform/failure.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { Ask } from '../../http/endpoint.ts';
import { errorBody, recordForClient } from '../../http/error-response.ts';
import { checkBody, MAX_BODY_BYTES } from '../../http/body/json-body.ts';
import { checkJsonShape } from '../../http/body/json-bounds.ts';
import { type ClientMessage, clientMessageSchema } from './message-schema.ts';
import { eventData } from './event-data.ts';

/** Most parallel requests of one socket. */
export const MAX_REQUESTS = 16;
/** Most messages that are sent without an acknowledgement. */
export const WINDOW_MESSAGES = 256;
/** Messages beyond the window for refusals, which cannot wait. */
export const MAX_REFUSALS = 64;
/** A client that reads nothing for this long is taken to be gone. */
export const MAX_STALL_MS = 120_000;

/** RFC 6455: policy violation, message too big. */
const CLOSE_POLICY = 1008;
const CLOSE_TOO_BIG = 1009;

const SOCKET_PLACE: Place = { place: 'gateway.webSocket', ...NO_REQUEST };

export interface Socket {
  send(text: string): void;
  close(code: number, reason: string): void;
}

export class WebSocketConnection {
  readonly #place: Place;
  readonly #socket: Socket;
  readonly #ask: Ask;
  readonly #running = new Map<string, AbortController>();
  #sentSeq = 0;
  #readSeq = 0;
  #isClosed = false;
  #wakeAll: (() => void)[] = [];
  #stallTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: Socket, ask: Ask, place: Place = SOCKET_PLACE) {
    this.#place = place;
    this.#socket = socket;
    this.#ask = ask;
  }

  /** Handles a message of the client. An invalid message ends the connection. */
  receive(data: string | ArrayBuffer): void {
    if (this.#isClosed) return;
    if (typeof data !== 'string') return this.#end(CLOSE_POLICY, 'expected text');
    if (data.length > MAX_BODY_BYTES) return this.#end(CLOSE_TOO_BIG, 'message too large');
    let message: ClientMessage;
    try {
      checkJsonShape(data, 'message');
      message = checkBody(JSON.parse(data), clientMessageSchema);
    } catch (error) {
      const reason = error instanceof EngineError ? error.message : 'expected JSON';
      return this.#end(CLOSE_POLICY, reason);
    }
    this.#handle(message);
  }

  #handle(message: ClientMessage): void {
    switch (message.type) {
      case 'request':
        return this.#begin(message);
      case 'stop':
        this.#running.get(message.id)?.abort();
        return this.#wake();
      case 'ack':
        return this.#acknowledge(message.seq);
      default:
        message satisfies never;
    }
  }

  /** Called when the client has left: sends nothing more, and aborts what runs. */
  leave(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#stallTimer);
    for (const abort of this.#running.values()) abort.abort();
    this.#wake();
  }

  #end(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.leave();
    // RFC 6455: a reason has at most 123 bytes.
    this.#socket.close(code, reason.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 120));
  }

  #begin({ id, path, body }: Extract<ClientMessage, { type: 'request' }>): void {
    if (this.#running.has(id))
      return this.#refuse(
        id,
        'E_REQUEST_INVALID',
        `id: ${JSON.stringify(id)} is in use; expected a new one.`,
      );
    if (this.#running.size >= MAX_REQUESTS)
      return this.#refuse(
        id,
        'E_BUSY',
        `websocket: ${MAX_REQUESTS} requests run already. Wait until one has ended.`,
      );
    const abort = new AbortController();
    this.#running.set(id, abort);
    void this.#serve(id, path, body, abort.signal);
  }

  async #serve(id: string, path: string, body: unknown, signal: AbortSignal): Promise<void> {
    try {
      const response = await this.#ask(path, body, signal);
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
      if (isStream === true && response.body !== null) {
        const stream = response.body as ReadableStream<Uint8Array>;
        for await (const data of eventData(stream, signal)) {
          await this.#room(signal);
          if (signal.aborted) break;
          this.#send('event', id, `"data":${data}`);
        }
      } else {
        const text = await response.text();
        await this.#room(signal);
        if (!signal.aborted) this.#send('answer', id, `"status":${response.status},"body":${text}`);
      }
    } catch (error) {
      if (!signal.aborted) this.#sendError(id, recordForClient(error, this.#place));
    }
    this.#running.delete(id);
    // May exceed the window, by at most one message per request.
    this.#send('end', id, `"stopped":${signal.aborted}`);
  }

  #refuse(id: string, code: 'E_BUSY' | 'E_REQUEST_INVALID', message: string): void {
    if (this.#sentSeq - this.#readSeq >= WINDOW_MESSAGES + MAX_REFUSALS)
      return this.#end(CLOSE_POLICY, 'too many requests, and no ack of their answers');
    this.#sendError(id, { code, message, param: null, details: {} });
  }

  #sendError(id: string, record: Parameters<typeof errorBody>[0]): void {
    const { httpStatus } = new EngineError(record.code, record.message).row;
    this.#send('answer', id, `"status":${httpStatus},"body":${JSON.stringify(errorBody(record))}`);
  }

  /** @param rest the rest of the message as JSON text, since events are passed on unparsed */
  #send(type: string, id: string, rest: string): void {
    if (this.#isClosed) return;
    this.#sentSeq++;
    const head = `"type":"${type}","seq":${this.#sentSeq},"id":${JSON.stringify(id)}`;
    this.#socket.send(`{${head},${rest}}`);
  }

  #acknowledge(seq: number): void {
    if (seq > this.#sentSeq) return this.#end(CLOSE_POLICY, `ack: seq ${seq} was never sent`);
    this.#readSeq = Math.max(this.#readSeq, seq);
    clearTimeout(this.#stallTimer);
    this.#stallTimer = undefined;
    this.#wake();
  }

  /** Waits until the client has read enough, the request is stopped or the socket closed. */
  async #room(signal: AbortSignal): Promise<void> {
    while (this.#sentSeq - this.#readSeq >= WINDOW_MESSAGES && !signal.aborted && !this.#isClosed) {
      this.#stallTimer ??= setTimeout(
        () => this.#end(CLOSE_POLICY, 'no ack for two minutes'),
        MAX_STALL_MS,
      );
      await new Promise<void>((resolve) => this.#wakeAll.push(resolve));
    }
  }

  #wake(): void {
    const waiting = this.#wakeAll;
    this.#wakeAll = [];
    for (const resolve of waiting) resolve();
  }
}
