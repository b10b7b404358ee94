/** The placement record in a bucket: read, changed, and written if nobody else changed it meanwhile. */
import { EngineError } from '../../engine/base/errors.ts';
import { findPlaced, parsePlacementText } from '../../engine/manifest/placement.ts';
import type { Placement } from '../../engine/manifest/placement.ts';
import type { Manifest } from '../../engine/manifest/manifest.ts';
import { addModel, emptyPlacement } from '../../engine/placement/changes.ts';
import type { AddOptions } from '../../engine/placement/changes.ts';
import { servedContext } from '../../engine/model/decoder/plan.ts';
import { isPlaced } from '../../engine/placement/needs.ts';
import type { PlacedManifest } from '../../engine/placement/needs.ts';
import { versionOf as versionOfHash } from '../../worker/platform/model-keys.ts';
import { PLACEMENT_KEY } from '../../worker/platform/placement-file.ts';
import { hashBytes } from '../lib/hash-file.ts';
import type { Bucket } from './bucket.ts';

/** Times a change is made again on what somebody else wrote meanwhile. */
const MAX_TRIES = 5;

/** The record; an empty one where nothing was placed yet. @throws {EngineError} E_PLACEMENT_INVALID */
export async function readPlacement(bucket: Bucket): Promise<Placement> {
  return parseStored(await bucket.getText(PLACEMENT_KEY));
}

function parseStored(text: string | null): Placement {
  return text === null ? emptyPlacement() : parsePlacementText(text);
}

/** How a pushed model is placed. */
export type PlaceOptions = AddOptions;

/** The version of a model: of the text of its manifest. */
export function versionOf(manifestText: string): string {
  return versionOfHash(hashBytes(new TextEncoder().encode(manifestText)));
}

/**
 * Places a model that was pushed, and lets it answer; does nothing where it lies already as asked.
 * Models that run in scripts of their own are not placed.
 * @throws {EngineError} E_MEMORY_BUDGET with the command that makes it fit.
 */
export async function placeModel(
  bucket: Bucket,
  manifest: Manifest,
  version: string,
  options: PlaceOptions = {},
): Promise<Placement> {
  return await changePlacement(bucket, (placement) => {
    if (!isPlaced(manifest) || liesAsAsked(placement, manifest, version, options)) return placement;
    return addModel(placement, manifest, version, options);
  });
}

/**
 * Refuses a model that would not fit, before its files are written.
 * @throws {EngineError} E_MEMORY_BUDGET with the command that makes it fit; E_USAGE as `addModel`.
 */
export async function requirePlace(
  bucket: Bucket,
  manifest: Manifest,
  version: string,
  options: PlaceOptions = {},
): Promise<void> {
  const placement = await readPlacement(bucket);
  if (!isPlaced(manifest) || liesAsAsked(placement, manifest, version, options)) return;
  addModel(placement, manifest, version, options);
}

/** Whether a version answers from where it would be placed. */
export function liesAsAsked(
  placement: Placement,
  manifest: PlacedManifest,
  version: string,
  { nCtx, nReplica, canaryPercent }: AddOptions,
): boolean {
  const { id } = manifest;
  const placed = findPlaced(placement, id, version);
  const serving = placement.serving[id];
  return (
    placed !== undefined &&
    canaryPercent === undefined &&
    serving?.version === version &&
    (nCtx === undefined ||
      manifest.kind !== 'decoder' ||
      placed.nCtx === servedContext(manifest.config, nCtx)) &&
    (nReplica === undefined || placed.replicas.length === nReplica)
  );
}

export interface ChangeOptions {
  /** Whether a record that cannot be read is replaced, as if nothing had been placed yet. */
  readonly replaceInvalid?: boolean;
}

/** The record, or an empty one where it is missing or cannot be read. */
export async function readPlacementOrEmpty(bucket: Bucket): Promise<Placement> {
  return parseOrEmpty(await bucket.getText(PLACEMENT_KEY));
}

function parseOrEmpty(text: string | null): Placement {
  try {
    return parseStored(text);
  } catch {
    return emptyPlacement();
  }
}

/**
 * Applies `change` to the record. Of two changes at the same time the later is made on the result of the
 * earlier; a bucket that cannot compare is checked by reading again.
 * @param change called again when somebody else was faster; the same record for no change
 * @throws {EngineError} errors of `change`; E_BUSY when others are always faster.
 */
export async function changePlacement(
  bucket: Bucket,
  change: (placement: Placement) => Placement | Promise<Placement>,
  { replaceInvalid = false }: ChangeOptions = {},
): Promise<Placement> {
  for (let i = 0; i < MAX_TRIES; i++) {
    const text = await bucket.getText(PLACEMENT_KEY);
    const before = replaceInvalid ? parseOrEmpty(text) : parseStored(text);
    const after = await change(before);
    if (after === before) return before;
    const written = `${JSON.stringify(after, null, 1)}\n`;
    // What is written is what readers will accept.
    parsePlacementText(written);
    const bytes = new TextEncoder().encode(written);
    if (await bucket.putIfSame(PLACEMENT_KEY, bytes, hashBytes(bytes), text)) return after;
  }
  throw new EngineError(
    'E_BUSY',
    `placement: others changed it ${MAX_TRIES} times meanwhile. Wait for their deployment to end and try again.`,
  );
}
