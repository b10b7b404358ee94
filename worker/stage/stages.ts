/** The stages of a model over several isolates, as its leader calls them. */
import type { DecoderStage, StageLink } from '../../engine/model/decoder/stage.ts';
import type { AdapterFile } from '../platform/adapter-files.ts';
import { stageNamespace } from './bindings.ts';
import { placeName } from './model-place.ts';
import type { ModelPlace, PiecePlace } from './model-place.ts';
import { PieceSocket } from './piece-socket.ts';

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
  const socket = new PieceSocket(name, () =>
    stageNamespace(env, isolate)
      .getByName(objectName)
      .fetch('https://stage/piece', { headers: { upgrade: 'websocket' } }),
  );
  return {
    name,
    piece: { layers, rows },
    open: async (session) => {
      // A session that begins may follow one whose socket leads nowhere any more.
      socket.close();
      await socket.call({ open: { place, session } });
    },
    embed: async (ids, positions) => (await socket.call({ embed: { ids, positions } })).rows,
    layers: (pass) => socket.call({ layers: pass }),
    holdAdapter: async ({ file }) => {
      // Made by `adapterSource`.
      await socket.call({ hold: { place, file: file as AdapterFile } });
    },
    dropAdapter: async (id) => {
      await socket.call({ drop: { id } });
    },
    head: async (rowsCall) => (await socket.call({ head: rowsCall })).head ?? [],
  };
}
