/** What an image encoder makes of a picture, from the stage that serves it. */
import type { Picture } from '../../../engine/vision/picture.ts';
import { resize } from '../../../engine/vision/resize.ts';
import type { SeenPicture } from '../../../engine/model/vision/image-encoder.ts';
import type { CallContext } from '../../platform/failure.ts';
import { ask } from '../../platform/rpc.ts';
import { stageOf } from '../clients/stages.ts';
import type { ServingEnv } from '../env.ts';
import type { ModelOfKind } from '../models/model-store.ts';

export interface PictureLabel {
  readonly label: string;
  /** 0 to 1; the scores of all labels sum to 1. */
  readonly score: number;
}

/**
 * The whole picture is brought to the model's square: cutting its sides off would lose what stands there, and gains
 * nothing on ImageNet (docs/vision.md).
 * @throws {EngineError} errors of the stage; E_BACKEND_UNAVAILABLE when it does not answer
 */
export async function seePicture(
  env: ServingEnv,
  { requestId, subject = '' }: CallContext,
  model: ModelOfKind<'vision'>,
  picture: Picture,
): Promise<SeenPicture> {
  const { side } = model.manifest.config;
  const { rgb } = resize(picture, side, side, 'cubic');
  const { stage, place } = stageOf(env, model);
  return await ask<SeenPicture>('stage', () => stage.see({ requestId, subject }, place, rgb));
}

/** The likeliest labels, the first the most likely. */
export function labelsOf(
  { manifest }: Pick<ModelOfKind<'vision'>, 'manifest'>,
  { scores }: Pick<SeenPicture, 'scores'>,
  nLabel: number,
): PictureLabel[] {
  const top = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = scores.map((score) => Math.exp(score - top));
  const sum = weights.reduce((a, b) => a + b, 0);
  return manifest.config.labels
    .map((label, i) => ({ label, score: weights[i]! / sum }))
    .toSorted((a, b) => b.score - a.score)
    .slice(0, nLabel);
}
