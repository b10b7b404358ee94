/** The stages of a model over several isolates, as its leader calls them. */
import { EngineError } from '../../engine/base/errors.ts';
import { stageLost } from '../../engine/model/decoder/stage.ts';
import type { DecoderStage, HeadRow, StageLink } from '../../engine/model/decoder/stage.ts';
import { NO_REQUEST } from '../platform/failure.ts';
import { ask } from '../platform/rpc.ts';
import { stageBinding } from './bindings.ts';
import type { StageBinding } from './bindings.ts';
import type { Stage } from './index.ts';
import { placeName } from './model-place.ts';
import type { ModelPlace, PiecePlace } from './model-place.ts';

/** Bindings to stages; a stage has those to the stages after it. */
export type StageBindings = Readonly<Partial<Record<StageBinding, DurableObjectNamespace<Stage>>>>;

/** @throws {EngineError} E_PLACEMENT_INVALID for an isolate that this script is not bound to. */
export function stageNamespace(env: object, isolate: number): DurableObjectNamespace<Stage> {
  const found = (env as StageBindings)[stageBinding(isolate)];
  if (found !== undefined) return found;
  throw new EngineError(
    'E_PLACEMENT_INVALID',
    `placement: isolate ${isolate} is not bound; the pool is smaller. ` +
      'Deploy more (thimble deploy --isolates N), or place the models again: thimble plan --write',
    { details: { isolate } },
  );
}

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
  // A stub for each call: one that failed stays broken.
  const call = async <T>(
    run: (stage: DurableObjectStub<Stage>) => PromiseLike<unknown>,
  ): Promise<T> => {
    const stage = stageNamespace(env, isolate).getByName(objectName);
    try {
      return await ask<T>(name, () => run(stage));
    } catch (error) {
      // No answer at all: it was reset, evicted or moved, and its pages with it.
      if (error instanceof EngineError && error.code === 'E_BACKEND_UNAVAILABLE')
        throw stageLost(name, 'did not answer', error);
      throw error;
    }
  };
  return {
    name,
    piece: { layers, rows },
    open: (session) => call((stage) => stage.openPiece(NO_REQUEST, place, session)),
    embed: (ids, positions) =>
      call<Float32Array>((stage) => stage.embedTokens(NO_REQUEST, place, ids, positions)),
    layers: (pass) => call<Float32Array>((stage) => stage.runLayers(NO_REQUEST, place, pass)),
    head: (rowsCall) =>
      call<readonly HeadRow[]>((stage) => stage.projectRows(NO_REQUEST, place, rowsCall)),
  };
}
