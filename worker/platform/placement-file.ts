/** The record of what lies where, in the models' bucket. Cached: it is asked for by every request. */
import { parsePlacementText } from '../../engine/manifest/placement.ts';
import type { Placement } from '../../engine/manifest/placement.ts';
import { retryWeights } from './model-files.ts';

export const PLACEMENT_KEY = 'fleet/placement.json';
/** How long the record is believed before R2 is asked whether it has changed. */
const RECHECK_MS = 2000;

interface Known {
  readonly placement: Placement | null;
  readonly etag: string | null;
  checkedAtMs: number;
}

let known: Known | null = null;
let reading: Promise<Known> | null = null;

/**
 * The present record; null where nothing was ever placed.
 * @throws {EngineError} E_PLACEMENT_INVALID, E_WEIGHTS_FETCH.
 */
export async function readPlacement(bucket: R2Bucket): Promise<Placement | null> {
  if (known !== null && Date.now() - known.checkedAtMs < RECHECK_MS) return known.placement;
  // Requests that arrive in the meantime share the result.
  reading ??= refresh(bucket, known).finally(() => (reading = null));
  known = await reading;
  return known.placement;
}

async function refresh(bucket: R2Bucket, before: Known | null): Promise<Known> {
  const checkedAtMs = Date.now();
  const etag = before?.etag ?? null;
  const only = etag === null ? {} : { onlyIf: { etagDoesNotMatch: etag } };
  return await retryWeights(PLACEMENT_KEY, async () => {
    const object: R2ObjectBody | R2Object | null = await bucket.get(PLACEMENT_KEY, only);
    if (object === null) return { placement: null, etag: null, checkedAtMs };
    if (!('body' in object)) return { ...before!, checkedAtMs };
    return {
      placement: parsePlacementText(await object.text()),
      etag: object.etag,
      checkedAtMs,
    };
  });
}
