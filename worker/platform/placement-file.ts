/** The record of what lies where, in the models' bucket. Cached: it is asked for by every request. */
import { parsePlacementText } from '../../engine/manifest/placement.ts';
import type { Placement } from '../../engine/manifest/placement.ts';
import { BucketRecord } from './bucket-record.ts';

export const PLACEMENT_KEY = 'fleet/placement.json';
/** How long the record is believed before R2 is asked whether it has changed. */
const RECHECK_MS = 2000;

const record = new BucketRecord(PLACEMENT_KEY, parsePlacementText, RECHECK_MS);

/**
 * The present record; null where nothing was ever placed.
 * @throws {EngineError} E_PLACEMENT_INVALID, E_WEIGHTS_FETCH.
 */
export async function readPlacement(bucket: R2Bucket): Promise<Placement | null> {
  return await record.read(bucket);
}
