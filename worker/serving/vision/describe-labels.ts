/** What a picture looks like to an image encoder, where the deployment has one. */
import { EVERY_MODEL } from '../../platform/caller.ts';
import { findModelOfKind } from '../models/model-store.ts';
import type { Describer } from './describer.ts';
import { labelsOf, seePicture } from './see-picture.ts';

/** Model of deployments that name no other; `thimble pull` knows it. */
const DEFAULT_CLASSIFIER = 'efficientnet-lite0';
const MAX_LABELS = 3;
/** Labels below are guesses that mislead more than they tell. */
const MIN_SCORE = 0.15;

export const labelDescriber: Describer = {
  name: 'labels',
  model: {
    kind: 'vision',
    id: ({ CLASSIFIER_MODEL = '' }) =>
      CLASSIFIER_MODEL === '' ? DEFAULT_CLASSIFIER : CLASSIFIER_MODEL,
  },
  async describe({ env, caller, modelId }, picture) {
    const model = await findModelOfKind(env.MODELS, modelId, 'vision', EVERY_MODEL);
    const seen = await seePicture(env, caller, model, picture);
    const labels = labelsOf(model, seen, MAX_LABELS)
      .filter(({ score }) => score >= MIN_SCORE)
      .map(({ label, score }) => ({ label, score: Math.round(score * 1000) / 1000 }));
    const shown = labels.map(({ label, score }) => `${label} (${Math.round(score * 100)} %)`);
    const words = shown.length === 0 ? 'nothing that the classifier knows' : shown.join(', ');
    return { lines: [`The picture looks like: ${words}.`], data: { labels } };
  },
};
