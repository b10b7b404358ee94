/** Which stage a call goes to: the leader of one of the copies of a model. */
import { RecentCache } from '../../../engine/base/recent-cache.ts';
import { placeName } from '../../stage/model-place.ts';
import type { ModelPlace } from '../../stage/model-place.ts';
import { stageNamespace } from '../../stage/bindings.ts';
import type { Stage } from '../../stage/index.ts';
import type { ServingEnv } from '../env.ts';
import type { ModelOfKind } from '../models/model-store.ts';

type LocatedModel = Pick<ModelOfKind, 'version' | 'named' | 'adapter' | 'hasAdapters'>;

export interface PlacedStage {
  readonly stage: DurableObjectStub<Stage>;
  readonly place: ModelPlace;
}

/** Where models go that nobody placed: they share one isolate. */
const UNPLACED_ISOLATE = 0;
/** Texts whose copy is remembered. */
const MAX_REMEMBERED = 10_000;
/** Calls that a copy may have more than another before it loses a text that it has in its cache. */
const MAX_AHEAD = 2;

/** Calls under way from this isolate, by the name of the copy's leader. */
const underWay = new Map<string, number>();
/** The copy that last evaluated a text, by `affinity`. */
const lastCopy = new RecentCache<string, number>({ maxEntries: MAX_REMEMBERED });

/**
 * @param affinity what texts have in common whose beginnings are in one cache; of a model that is
 *   placed once it does not matter
 */
export function stageOf(env: ServingEnv, model: LocatedModel, affinity = ''): PlacedStage {
  const place = placeOf(model, affinity);
  const isolate = place.pieces?.[0]?.isolate ?? UNPLACED_ISOLATE;
  const stage = stageNamespace<Stage>(env, isolate).getByName(placeName(place));
  return { stage, place };
}

/** Counts a call to a copy until the function that is returned is called. */
export function countCall(place: ModelPlace): () => void {
  const name = placeName(place);
  underWay.set(name, (underWay.get(name) ?? 0) + 1);
  return () => {
    const n = (underWay.get(name) ?? 1) - 1;
    if (n === 0) underWay.delete(name);
    else underWay.set(name, n);
  };
}

function placeOf(
  { version, named, adapter, hasAdapters }: LocatedModel,
  affinity: string,
): ModelPlace {
  const { id, placed, overlap } = named;
  const carried = {
    ...(adapter === undefined ? {} : { adapter }),
    ...(hasAdapters === undefined ? {} : { hasAdapters }),
  };
  if (placed === null)
    return { id, version, nCtx: null, pieces: null, replica: 0, overlap, ...carried };
  const { replicas, nCtx } = placed;
  const at = (replica: number): ModelPlace => ({
    ...{ id, version, nCtx, overlap, replica, ...carried },
    pieces: replicas[replica]!.pieces,
  });
  if (replicas.length === 1) return at(0);
  const busy = replicas.map((_, replica) => underWay.get(placeName(at(replica))) ?? 0);
  const idlest = busy.indexOf(Math.min(...busy));
  const key = `${id}@${version}:${affinity}`;
  const last = lastCopy.get(key);
  const stays = last !== undefined && last < busy.length && busy[last]! - busy[idlest]! < MAX_AHEAD;
  const replica = stays ? last : idlest;
  lastCopy.set(key, replica);
  return at(replica);
}
