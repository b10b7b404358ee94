/** The stages of a model over several isolates, as its leader calls them. */
import type { DecoderStage, StageLink } from '../../engine/model/decoder/stage.ts';
import { stageNamespace } from './bindings.ts';
import { placeName } from './model-place.ts';
import type { ModelPlace, PiecePlace } from './model-place.ts';
import { PieceSocket } from './piece-socket.ts';

export interface StageLinks {
  /** In the order of the pieces; the first is the leader's own. */
  readonly stages: readonly StageLink[];
  /** To be called when another object takes the leader over: links belong to the object that opened them. */
  forget(): void;
}

/** @param own the leader's own stage, in this isolate */
export function stageLinks(env: object, place: ModelPlace, own: DecoderStage): StageLinks {
  const [, ...others] = place.pieces ?? [];
  const remote = others.map((piece, i) => remoteStage(env, { ...place, piece: i + 1 }, piece));
  return {
    stages: [own, ...remote.map(({ link }) => link)],
    forget: () => {
      for (const { socket } of remote) socket.forget();
    },
  };
}

function remoteStage(
  env: object,
  place: PiecePlace,
  { isolate, layers, rows }: NonNullable<ModelPlace['pieces']>[number],
): { readonly link: StageLink; readonly socket: PieceSocket } {
  const name = `stage-${isolate}`;
  const objectName = placeName(place, place.piece);
  const socket = new PieceSocket(name, place, () =>
    stageNamespace(env, isolate)
      .getByName(objectName)
      .fetch('https://stage/piece', { headers: { upgrade: 'websocket' } }),
  );
  const link: StageLink = {
    name,
    piece: { layers, rows },
    open: async (session) => {
      // A session that begins may follow one whose socket leads nowhere any more.
      socket.close();
      await socket.call({ open: { session } });
    },
    embed: async (ids, positions) => (await socket.call({ embed: { ids, positions } })).rows,
    layers: (pass) => socket.call({ layers: pass }),
    head: async (rowsCall) => (await socket.call({ head: rowsCall })).head ?? [],
  };
  return { link, socket };
}
