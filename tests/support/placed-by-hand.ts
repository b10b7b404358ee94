/** stories260K over three isolates, as no plan would place it. */
import { addModel, emptyPlacement } from '../../engine/placement/changes.ts';
import { parseManifest } from '../../engine/manifest/manifest.ts';
import type { PlacedPiece } from '../../engine/manifest/placement.ts';
import type { PlacedManifest } from '../../engine/placement/needs.ts';
import type { Bucket } from '../../scripts/push/bucket.ts';
import { changePlacement, versionOf } from '../../scripts/push/place.ts';
import { manifestKey } from '../../worker/platform/model-keys.ts';
import { STORIES_ID } from './http-server.ts';

/** stories260K cut by hand: it would fit one isolate a hundred times. */
const PIECES: readonly PlacedPiece[] = [
  { isolate: 1, bytes: 0, layers: [0, 2], rows: [0, 0] },
  { isolate: 3, bytes: 0, layers: [2, 4], rows: [0, 0] },
  { isolate: 2, bytes: 0, layers: [4, 5], rows: [0, 512] },
];

export async function placeByHand(bucket: Bucket, replicas = 1): Promise<void> {
  const text = await bucket.getText(manifestKey(STORIES_ID));
  const manifest = parseManifest(JSON.parse(text!)) as PlacedManifest;
  await changePlacement(bucket, () => {
    const placed = addModel(emptyPlacement(), manifest, versionOf(text!));
    const models = placed.models.map((model) => ({
      ...model,
      replicas: Array.from({ length: replicas }, (_, i) => ({
        pieces: PIECES.map((piece) => ({ ...piece, isolate: piece.isolate + i * PIECES.length })),
      })),
    }));
    return { ...placed, models };
  });
}
