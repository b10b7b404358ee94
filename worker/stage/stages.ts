/** The stages of a model over several isolates, as its leader calls them. */
import { EngineError } from '../../engine/base/errors.ts';
import { stageLost } from '../../engine/model/decoder/stage.ts';
import type {
  DecoderStage,
  HeadCall,
  HeadRow,
  LayersAnswer,
  LayersCall,
  StageLink,
} from '../../engine/model/decoder/stage.ts';
import { ask } from '../platform/rpc.ts';
import type { RpcAnswer } from '../platform/rpc.ts';
import { stageNamespace } from './bindings.ts';
import { placeName } from './model-place.ts';
import type { ModelPlace, PiecePlace } from './model-place.ts';

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
}

type PieceObject = PieceCalls & Rpc.DurableObjectBranded;

/** @param own the leader's own stage, in this isolate */
export function stageLinks(env: object, place: ModelPlace, own: DecoderStage): StageLink[] {
  return (place.pieces ?? []).map((piece, i) =>
    i === 0 ? own : remoteStage(env, { ...place, piece: i }, piece),
  );
}

function remoteStage(
  env: object,
  place: PiecePlace,
  { isolate, layers, rows }: NonNullable<ModelPlace['pieces']>[number],
): StageLink {
  const name = `stage-${isolate}`;
  const objectName = placeName(place, place.piece);
  /** Kept while it works: one that failed stays broken, and a new one takes a hash to make. */
  let stub: DurableObjectStub<PieceObject> | null = null;
  const call = async <T>(
    run: (stage: DurableObjectStub<PieceObject>) => PromiseLike<unknown>,
  ): Promise<T> => {
    const stage = (stub ??= stageNamespace<PieceObject>(env, isolate).getByName(objectName));
    try {
      return await ask<T>(name, () => run(stage));
    } catch (error) {
      stub = null;
      // No answer at all: it was reset, evicted or moved, and its pages with it.
      if (error instanceof EngineError && error.code === 'E_BACKEND_UNAVAILABLE')
        throw stageLost(name, 'did not answer', error);
      // An object that was reset does not know any more which stage it is.
      if (error instanceof EngineError && error.code === 'E_STAGE_LOST')
        throw stageLost(name, 'restarted, or gave its room to another model', error);
      throw error;
    }
  };
  return {
    name,
    piece: { layers, rows },
    open: (session) => call((stage) => stage.openPiece(place, session)),
    embed: (ids, positions) => call<Float32Array>((stage) => stage.embedTokens(ids, positions)),
    layers: (pass) => call<LayersAnswer>((stage) => stage.runLayers(pass)),
    head: (rowsCall) => call<readonly HeadRow[]>((stage) => stage.projectRows(rowsCall)),
  };
}
