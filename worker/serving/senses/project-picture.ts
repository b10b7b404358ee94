/** A picture as rows that a projector makes in the stage of the image encoder it sees through: eyes, and image towers. */
import { encoderHash } from '../../../engine/adapters/eyes.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { StoredProjector } from '../../../engine/manifest/adapters.ts';
import type { VisionManifest } from '../../../engine/manifest/manifest.ts';
import type { ReadPicture } from '../../../engine/vision/decode-picture.ts';
import type { Picture } from '../../../engine/vision/picture.ts';
import { resize } from '../../../engine/vision/resize.ts';
import type { EyesFile } from '../../platform/adapter-files.ts';
import { type Caller, EVERY_MODEL } from '../../platform/caller.ts';
import { ask } from '../../platform/rpc.ts';
import { stageOf } from '../clients/stages.ts';
import type { ServingEnv } from '../env.ts';
import { findModelOfKind, type ModelOfKind } from '../models/model-store.ts';

/** Longest side of what is decoded: what is larger is made smaller on the way. */
const MAX_SIDE = 1280;

/**
 * @param encoder of `findSeeing`
 * @returns [grid * grid, nEmbd] of the projector
 * @throws {EngineError} E_IMAGE_INVALID; errors of the scripts
 */
export async function projectPicture(
  env: ServingEnv,
  caller: Caller,
  encoder: ModelOfKind<'vision'>,
  projector: EyesFile,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Float32Array> {
  const { requestId } = caller;
  const { picture } = await ask<ReadPicture>('documents', () =>
    env.DOCUMENTS.readPicture({ requestId }, bytes, MAX_SIDE),
  );
  return await projectPixels(env, caller, encoder, projector, picture);
}

/** The same of a picture that was decoded. @throws {EngineError} errors of the stage */
export async function projectPixels(
  env: ServingEnv,
  { requestId, subject }: Caller,
  encoder: ModelOfKind<'vision'>,
  { id, base, eyes }: EyesFile,
  picture: Picture,
): Promise<Float32Array> {
  const { side } = encoder.manifest.config;
  const { rgb } = resize(picture, side, side, 'cubic');
  const { stage, place } = stageOf(env, encoder);
  const seen = { ...place, eyes: { id, base, eyes } };
  return await ask<Float32Array>('stage', () => stage.show({ requestId, subject }, seen, rgb));
}

/**
 * The image encoder that a projector sees through.
 * @param modelId for errors
 * @throws {EngineError} E_MODEL_NOT_FOUND when it is not there, E_ADAPTER_BASE when another is
 */
export async function findSeeing(
  { MODELS }: ServingEnv,
  modelId: string,
  { encoder, encoderSha256 }: StoredProjector,
): Promise<ModelOfKind<'vision'>> {
  const found = await findModelOfKind(MODELS, encoder, 'vision', EVERY_MODEL).catch(
    (cause: unknown) => {
      if (!(cause instanceof EngineError) || !MISSING.has(cause.code)) throw cause;
      throw new EngineError(
        'E_MODEL_NOT_FOUND',
        `model: ${modelId} sees through ${encoder}, which is not on this server. Get it: thimble pull ${encoder}, then thimble import ${encoder} and thimble push ${encoder}; or start the server with thimble dev --also ${encoder}.`,
        { param: 'model', details: { model: modelId, encoder }, cause },
      );
    },
  );
  if ((await hashOf(found.manifest)) === encoderSha256) return found;
  throw new EngineError(
    'E_ADAPTER_BASE',
    `model: ${modelId} was trained with another ${encoder} than is on this server. Push that one, or train the adapter again.`,
    { param: 'model', details: { model: modelId, encoder } },
  );
}

/** A model of that name may be of another kind. */
const MISSING: ReadonlySet<string> = new Set(['E_MODEL_NOT_FOUND', 'E_MODEL_KIND']);

const hashes = new WeakMap<VisionManifest, Promise<string>>();

function hashOf(manifest: VisionManifest): Promise<string> {
  const known = hashes.get(manifest) ?? encoderHash(manifest);
  hashes.set(manifest, known);
  return known;
}
