/**
 * The socket between a leader and a stage. A call over it takes 0.2 ms less than one by RPC (measured), of which
 * a token needs several, and is billed as two messages, each a twentieth of a request
 * (https://developers.cloudflare.com/durable-objects/platform/pricing/).
 */
import { errorFromRecord } from '../../engine/base/errors.ts';
import type { EngineError } from '../../engine/base/errors.ts';
import { stageLost } from '../../engine/model/decoder/stage.ts';
import type {
  HeadCall,
  HeadRow,
  LayersAnswer,
  LayersCall,
} from '../../engine/model/decoder/stage.ts';
import type { AdapterFile } from '../platform/adapter-files.ts';
import type { RpcAnswer } from '../platform/rpc.ts';
import type { PiecePlace } from './model-place.ts';
import { packAnswer, packCall, unpackAnswer, unpackCall } from './piece-frames.ts';
import type { PieceAnswer, PieceCall } from './piece-frames.ts';

/** What a stage does for the leader of a model of which it holds a piece. */
export interface PieceCalls {
  openPiece(place: PiecePlace, session: string): Promise<RpcAnswer<null>>;
  /** What follows is of the piece that was opened last. */
  embedTokens(
    ids: readonly number[],
    positions: readonly number[],
  ): Promise<RpcAnswer<Float32Array>>;
  runLayers(pass: LayersCall): Promise<RpcAnswer<LayersAnswer>>;
  projectRows(rows: HeadCall): Promise<RpcAnswer<readonly HeadRow[]>>;
  /** Of any session: the piece is loaded if necessary. */
  holdAdapter(place: PiecePlace, file: AdapterFile): Promise<RpcAnswer<null>>;
  dropAdapter(id: string): Promise<RpcAnswer<null>>;
}

/** An open socket keeps both objects in memory, which is billed: one that is idle this long is closed. */
export const IDLE_SOCKET_MS = 10_000;

const NO_ROWS = new Float32Array(0);

/** The stage's end: answers each call in the order in which it arrived. */
export function servePiece(calls: PieceCalls): Response {
  const { 0: leaders, 1: own } = new WebSocketPair();
  own.binaryType = 'arraybuffer';
  own.addEventListener('message', ({ data }) => {
    const { id, call } = unpackCall(data as ArrayBuffer);
    void answer(calls, call).then((answered) => {
      // A leader that has left asks again in a session of its own.
      if (own.readyState === WebSocket.OPEN) own.send(packAnswer(id, answered));
    });
  });
  own.accept();
  return new Response(null, { status: 101, webSocket: leaders });
}

/** Never rejects: failures are answers. */
async function answer(calls: PieceCalls, call: PieceCall): Promise<PieceAnswer> {
  if ('layers' in call) return await calls.runLayers(call.layers);
  if ('head' in call)
    return as(await calls.projectRows(call.head), (head) => ({ rows: NO_ROWS, head }));
  if ('embed' in call) {
    const { ids, positions } = call.embed;
    return as(await calls.embedTokens(ids, positions), (rows) => ({ rows, head: null }));
  }
  return as(await answerBare(calls, call), () => ({ rows: NO_ROWS, head: null }));
}

/** Calls whose answer is only that they were carried out. */
function answerBare(
  calls: PieceCalls,
  call: Extract<PieceCall, { open: unknown } | { hold: unknown } | { drop: unknown }>,
): Promise<RpcAnswer<null>> {
  if ('hold' in call) return calls.holdAdapter(call.hold.place, call.hold.file);
  if ('drop' in call) return calls.dropAdapter(call.drop.id);
  return calls.openPiece(call.open.place, call.open.session);
}

function as<T>(answered: RpcAnswer<T>, shape: (value: T) => LayersAnswer): PieceAnswer {
  return 'ok' in answered ? { ok: shape(answered.ok) } : answered;
}

/** The leader's end. Opened by the first call, and again by the next one after it was closed. */
export class PieceSocket {
  readonly #name: string;
  readonly #connect: () => Promise<Response>;
  #connection: Promise<Connection> | null = null;

  /**
   * @param name of the stage's isolate, for messages
   * @param connect asks the stage for a socket
   */
  constructor(name: string, connect: () => Promise<Response>) {
    this.#name = name;
    this.#connect = connect;
  }

  /** @throws {EngineError} what the stage reports; E_STAGE_LOST when it does not answer. */
  async call(call: PieceCall): Promise<LayersAnswer> {
    const connection = await (this.#connection ??= this.#open());
    return await connection.call(call);
  }

  /** Calls without an answer fail; the next one opens another socket. */
  close(): void {
    const connection = this.#connection;
    this.#connection = null;
    // A socket that another object opened, which is gone by now, cannot be closed from here.
    connection?.then((opened) => opened.close()).catch(() => undefined);
  }

  #open(): Promise<Connection> {
    const forget = (): void => {
      if (this.#connection === opening) this.#connection = null;
    };
    const opening = this.#connect()
      .then(({ webSocket }) => new Connection(this.#name, webSocket!, forget))
      .catch((cause: unknown) => {
        forget();
        throw stageLost(this.#name, 'did not answer', cause);
      });
    return opening;
  }
}

/** One open socket, and the calls that were sent over it. */
class Connection {
  readonly #name: string;
  readonly #socket: WebSocket;
  readonly #onEnd: () => void;
  /** Calls without an answer, by id. */
  readonly #asked = new Map<number, PromiseWithResolvers<LayersAnswer>>();
  #nCall = 0;
  #usedAtMs = Date.now();
  #idleTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(name: string, socket: WebSocket, onEnd: () => void) {
    this.#name = name;
    this.#socket = socket;
    this.#onEnd = onEnd;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', ({ data }) => this.#take(data as ArrayBuffer));
    socket.addEventListener('close', () => this.#end());
    socket.addEventListener('error', ({ error }) => this.#end(error));
    socket.accept();
    this.#closeWhenIdle();
  }

  call(call: PieceCall): Promise<LayersAnswer> {
    const id = this.#nCall++;
    const asked = Promise.withResolvers<LayersAnswer>();
    this.#asked.set(id, asked);
    this.#usedAtMs = Date.now();
    try {
      this.#socket.send(packCall(id, call));
    } catch (cause) {
      this.#end(cause);
    }
    return asked.promise;
  }

  close(): void {
    this.#end();
    this.#socket.close();
  }

  #take(frame: ArrayBuffer): void {
    const { id, answer: answered } = unpackAnswer(frame);
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if ('ok' in answered) asked?.resolve(answered.ok);
    else asked?.reject(this.#failure(errorFromRecord(answered.error)));
  }

  /** An object that was reset does not know any more which stage it is. */
  #failure(error: EngineError): EngineError {
    if (error.code !== 'E_STAGE_LOST') return error;
    return stageLost(this.#name, 'restarted, or gave its room to another model', error);
  }

  /** No answers any more: the stage was reset, evicted or moved, and its pages with it. */
  #end(cause?: unknown): void {
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = null;
    this.#onEnd();
    for (const { reject } of this.#asked.values())
      reject(stageLost(this.#name, 'did not answer', cause));
    this.#asked.clear();
  }

  /** One timer while the socket is open: one a call would cost as much as the call. */
  #closeWhenIdle(): void {
    this.#idleTimer = setTimeout(() => {
      const isIdle = this.#asked.size === 0 && Date.now() - this.#usedAtMs >= IDLE_SOCKET_MS;
      if (isIdle) this.close();
      else this.#closeWhenIdle();
    }, IDLE_SOCKET_MS);
  }
}
