/** The joint space of texts and pictures that commands measure by: an embedding model, an image tower, and its encoder. */
import { join } from 'node:path';
import { encoderHash } from '../../engine/adapters/eyes.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { eyesBytes } from '../../engine/model/vision/projector.ts';
import { ensureModel } from '../dev/prepare.ts';
import { openTower } from '../import/open/open-adapter.ts';
import { repoRoot } from '../lib/paths.ts';
import { loadLocalEncoder } from '../node-host/encoder.ts';
import { loadLocalImageEncoder } from '../node-host/image-encoder.ts';
import type { JointSpace } from '../node-host/joint-space.ts';
import { DEFAULT_ENCODER_ID } from '../pull/catalogue.ts';

/** The tower that a clone comes with, and the embedding model that it was trained for. */
export const SPACE_FOLDER: string = join(repoRoot, 'assets', 'space');
export const SPACE_TEXT_ID: string = DEFAULT_ENCODER_ID;

/**
 * Models of the catalogue are pulled where they are missing.
 * @param folder of an image tower
 * @param id the embedding model that it was trained for
 * @throws {EngineError} as `ensureModel` and `openTower` do; E_ADAPTER_BASE for another image encoder than that of the tower
 */
export async function loadSpace(folder: string, id: string): Promise<JointSpace> {
  await ensureModel(id);
  const text = await loadLocalEncoder(id);
  const tower = await openTower(folder, text.manifest);
  const { facts } = tower;
  await ensureModel(facts.encoder);
  const encoder = await loadLocalImageEncoder(facts.encoder, undefined, {
    eyesBytes: eyesBytes(facts),
  });
  if ((await encoderHash(encoder.manifest)) !== facts.encoderSha256)
    throw new EngineError(
      'E_ADAPTER_BASE',
      `${folder}: the tower was trained with another ${facts.encoder} than is imported. Import that one.`,
    );
  return { text, encoder, tower };
}
