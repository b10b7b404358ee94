/**
 * A stage script, of which a pool has several: holds weights, and answers generations as lines of JSON. One
 * object a model that it serves, and one a piece of a model that another stage leads. Knows token ids only;
 * text and HTTP are the gateway's.
 */
import { DurableObject } from 'cloudflare:workers';
import type { Engine, EngineStats } from '../../engine/generate/engine.ts';
import type { GivenRequest } from '../../engine/generate/types.ts';
import type { TranscribeRequest } from '../../engine/transcribe/types.ts';
import type { SeenPicture } from '../../engine/model/vision/image-encoder.ts';
import { Vocabulary } from '../../engine/grammar/index.ts';
import type { VocabularyParts } from '../../engine/grammar/index.ts';
import { NO_REQUEST } from '../platform/failure.ts';
import type { CallContext } from '../platform/failure.ts';
import type { AdapterFile } from '../platform/adapter-files.ts';
import { answerCall } from '../platform/rpc.ts';
import type { RpcAnswer } from '../platform/rpc.ts';
import { stageLost } from '../../engine/model/decoder/stage.ts';
import type {
  DecoderStage,
  HeadCall,
  HeadRow,
  LayersAnswer,
  LayersCall,
} from '../../engine/model/decoder/stage.ts';
import { adapterSource, eyesSource } from './adapters.ts';
import type { EngineByKind, EngineKind, HostEnv, PlanInput } from './engines.ts';
import type { EyesPlace, ModelPlace, PiecePlace } from './model-place.ts';
import { servePiece } from './piece-socket.ts';
import type { PieceCalls } from './piece-socket.ts';
import { acquireEngine, hostStats, loadPiece } from './host.ts';
import type { LoadedPiece } from './host.ts';
import { eventStream, generationStream } from './generation-stream.ts';

/** A function passed over RPC, with what its stub adds to it. */
type VocabularySource = (() => Promise<VocabularyParts>) & {
  dup?(): VocabularySource;
  [Symbol.dispose]?(): void;
};

function keep(source: VocabularySource | null): VocabularySource | null {
  return source?.dup?.() ?? source;
}

function withAdapter(request: GivenRequest, { adapter }: ModelPlace): GivenRequest {
  if (adapter === undefined) return request;
  const { id, nPrefix, eyes } = adapter;
  // What is before a picture is shared with the model as it is, and a text without one is the model's own.
  const activation = eyes === null ? adapter.activation : 'rows';
  return { ...request, adapter: { id, activation, ...(nPrefix === 0 ? {} : { nPrefix }) } };
}

/** Rows of equal length, one after the other. */
function inOneRow(rows: readonly Float32Array[]): Float32Array {
  const width = rows[0]?.length ?? 0;
  const all = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) all.set(row, i * width);
  return all;
}

export interface StageStatus {
  readonly nCtx: number;
  readonly engine: EngineStats;
  readonly loaded: ReturnType<typeof hostStats>;
}

export class Stage extends DurableObject<HostEnv> implements PieceCalls {
  /** The piece that a leader opened. */
  #piece: LoadedPiece | null = null;

  /**
   * Generates as NDJSON of GenerateEvent; a failure is a last line `{type: 'error', error: ErrorRecord}`.
   * Cancelling the stream ends the generation within one token.
   * @param vocabulary called by the first request with a grammar
   */
  generate(
    call: CallContext,
    model: ModelPlace,
    request: GivenRequest,
    vocabulary: VocabularySource | null = null,
  ): ReadableStream<Uint8Array> {
    // An argument lives as long as the call; the stream lives longer.
    const source = request.constraint === undefined ? null : keep(vocabulary);
    return generationStream(
      async () => {
        const held = await acquireEngine(this.env, 'decoder', model, this);
        let release = (): void => held.release();
        try {
          const releaseAdapter = await this.#useAdapter(held.engine, model);
          release = () => {
            releaseAdapter();
            held.release();
          };
          if (source !== null && !held.engine.hasVocabulary)
            held.engine.setVocabulary(new Vocabulary(await source()));
          return { engine: held.engine, release };
        } catch (error) {
          release();
          throw error;
        } finally {
          source?.[Symbol.dispose]?.();
        }
      },
      withAdapter(request, model),
      { place: 'stage.generate', ...call },
    );
  }

  /** Holds the adapter that a call names; what is returned gives it back. */
  async #useAdapter(engine: Engine, { adapter }: ModelPlace): Promise<() => void> {
    if (adapter === undefined) return () => undefined;
    return await engine.useAdapter(adapterSource(this.env, adapter));
  }

  /**
   * Transcribes as NDJSON of TranscribeEvent, like `generate`. One window of samples per call; calls of
   * one model wait for each other.
   */
  transcribe(
    call: CallContext,
    model: ModelPlace,
    request: TranscribeRequest,
  ): ReadableStream<Uint8Array> {
    return eventStream(
      () => acquireEngine(this.env, 'recognition', model, this),
      (engine, signal) => engine.transcribe(request, signal, call.subject),
      { place: 'stage.transcribe', ...call },
    );
  }

  /**
   * Embeds texts. Calls of one model wait for each other.
   * @param texts token ids of each, special tokens included
   * @returns [texts.length, nEmbd], row-major
   */
  async embed(
    call: CallContext,
    model: ModelPlace,
    texts: readonly (readonly number[])[],
  ): Promise<RpcAnswer<Float32Array>> {
    return await this.#answer('stage.embed', call, 'encoder', model, async (engine) => {
      return inOneRow(await engine.embed(texts, undefined, call.subject));
    });
  }

  /**
   * Scores of all classes of texts. Calls of one model wait for each other.
   * @param texts token ids of each, special tokens included
   * @returns [texts.length, nClass], row-major, as EncoderEngine.classScores gives them
   */
  async classify(
    call: CallContext,
    model: ModelPlace,
    texts: readonly (readonly number[])[],
  ): Promise<RpcAnswer<Float32Array>> {
    return await this.#answer('stage.classify', call, 'encoder', model, async (engine) =>
      inOneRow(await engine.classScores(texts, undefined, call.subject)),
    );
  }

  /**
   * Scores query and passage with a reranker. Calls of one model wait for each other.
   * @param pairs token ids of each, as the model reads them
   * @returns [pairs.length], as EncoderEngine.score gives them
   */
  async score(
    call: CallContext,
    model: ModelPlace,
    pairs: readonly (readonly number[])[],
  ): Promise<RpcAnswer<Float32Array>> {
    return await this.#answer('stage.score', call, 'encoder', model, async (engine) =>
      Float32Array.from(await engine.score(pairs, undefined, call.subject)),
    );
  }

  /**
   * Scores passages by late interaction with a query. Calls of one model wait for each other.
   * @param query token ids, special tokens included; passages alike
   * @returns [passages.length], as EncoderEngine.interact gives them
   */
  async interact(
    call: CallContext,
    model: ModelPlace,
    query: readonly number[],
    passages: readonly (readonly number[])[],
  ): Promise<RpcAnswer<Float32Array>> {
    return await this.#answer('stage.interact', call, 'encoder', model, async (engine) =>
      Float32Array.from(await engine.interact(query, passages, undefined, call.subject)),
    );
  }

  /**
   * Looks at a picture. Pictures of one model wait for each other.
   * @param rgb [side, side, 3]
   */
  async see(
    call: CallContext,
    model: ModelPlace,
    rgb: Uint8Array,
  ): Promise<RpcAnswer<SeenPicture>> {
    return await this.#answer('stage.see', call, 'vision', model, (engine) =>
      engine.see(rgb, undefined, call.subject),
    );
  }

  /**
   * Looks at a picture with the eyes of another model's adapter.
   * @param rgb [side, side, 3] @returns [grid * grid, nEmbd]
   */
  async show(
    call: CallContext,
    model: EyesPlace,
    rgb: Uint8Array,
  ): Promise<RpcAnswer<Float32Array>> {
    const eyes = eyesSource(this.env, model.eyes);
    return await this.#answer('stage.show', call, 'vision', model, (engine) =>
      engine.show(rgb, eyes, undefined, call.subject),
    );
  }

  /**
   * Looks at a square with the tower of a text model.
   * @param rgb [side, side, 3] @returns [towerRows, connector.nOut]
   */
  async showTile(
    call: CallContext,
    model: ModelPlace,
    rgb: Uint8Array,
  ): Promise<RpcAnswer<Float32Array>> {
    return await this.#answer('stage.showTile', call, 'tower', model, (engine) =>
      engine.show(rgb, undefined, call.subject),
    );
  }

  /** Loads the model if necessary. */
  async status(call: CallContext, model: ModelPlace): Promise<RpcAnswer<StageStatus>> {
    return await this.#answer('stage.status', call, 'decoder', model, (engine) => {
      const nCtx = engine.nCtx - (model.adapter?.nPrefix ?? 0);
      return { nCtx, engine: engine.stats(), loaded: hostStats() };
    });
  }

  /** Opens the socket over which a leader calls the methods of its piece. */
  override fetch(): Response {
    return servePiece(this);
  }

  /** Begins a session of a leader with a piece, which is loaded if necessary. */
  async openPiece(place: PiecePlace, session: string): Promise<RpcAnswer<null>> {
    return await answerCall({ place: 'stage.openPiece', ...NO_REQUEST }, async () => {
      this.#piece = await loadPiece(this.env, place, this);
      this.#openStage().open(session);
      return null;
    });
  }

  /** Embeddings of tokens whose rows the piece holds. */
  async embedTokens(
    ids: readonly number[],
    positions: readonly number[],
  ): Promise<RpcAnswer<Float32Array>> {
    return await answerCall({ place: 'stage.embedTokens', ...NO_REQUEST }, () =>
      this.#openStage().embed(ids, positions),
    );
  }

  /** Hidden rows through the layers of the piece. */
  async runLayers(pass: LayersCall): Promise<RpcAnswer<LayersAnswer>> {
    return await answerCall({ place: 'stage.runLayers', ...NO_REQUEST }, () =>
      this.#openStage().layers(pass),
    );
  }

  /** Hidden rows onto the rows of the vocabulary that the piece holds. */
  async projectRows(rows: HeadCall): Promise<RpcAnswer<readonly HeadRow[]>> {
    return await answerCall({ place: 'stage.projectRows', ...NO_REQUEST }, () =>
      this.#openStage().head(rows),
    );
  }

  async holdAdapter(place: PiecePlace, file: AdapterFile): Promise<RpcAnswer<null>> {
    return await answerCall({ place: 'stage.holdAdapter', ...NO_REQUEST }, async () => {
      const piece = await loadPiece(this.env, place, this);
      await piece.stage?.holdAdapter(adapterSource(this.env, file));
      return null;
    });
  }

  async dropAdapter(id: string): Promise<RpcAnswer<null>> {
    return await answerCall({ place: 'stage.dropAdapter', ...NO_REQUEST }, () => {
      this.#piece?.stage?.dropAdapter(id);
      return null;
    });
  }

  /** @throws {EngineError} E_STAGE_LOST when the object or its piece is not the one that was opened. */
  #openStage(): DecoderStage {
    const stage = this.#piece?.stage ?? null;
    if (stage === null)
      throw stageLost('of this call', 'restarted, or gave its room to another model');
    return stage;
  }

  async #answer<K extends EngineKind, T>(
    name: string,
    call: CallContext,
    kind: K,
    place: PlanInput<K>['place'],
    run: (engine: EngineByKind[K]) => T | Promise<T>,
  ): Promise<RpcAnswer<T>> {
    return await answerCall({ place: name, ...call }, async () => {
      const held = await acquireEngine(this.env, kind, place, this);
      try {
        return await run(held.engine);
      } finally {
        held.release();
      }
    });
  }
}

export default {
  fetch(): Response {
    return new Response('This script serves no HTTP requests.\n', { status: 404 });
  },
};
