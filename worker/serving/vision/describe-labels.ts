/** What a picture looks like to a classifier, where the deployment has it. */
import type { ImageLabel } from '../../onnx/tasks/image-labels.ts';
import { askOnnx } from '../clients/onnx-client.ts';
import type { Describer } from './describer.ts';

/** Model of deployments that name no other; `thimble pull` knows it. */
const DEFAULT_CLASSIFIER = 'efficientnet-lite0';
const MAX_LABELS = 3;
/** Labels below are guesses that mislead more than they tell. */
const MIN_SCORE = 0.15;

export const labelDescriber: Describer = {
  name: 'labels',
  modelId: ({ CLASSIFIER_MODEL = '' }) =>
    CLASSIFIER_MODEL === '' ? DEFAULT_CLASSIFIER : CLASSIFIER_MODEL,
  async describe({ env, caller, modelId }, picture) {
    const all = await askOnnx<ImageLabel[]>(env, caller, modelId, (stub, call) =>
      stub.labelImage(call, modelId, picture),
    );
    const labels = all
      .filter(({ score }) => score >= MIN_SCORE)
      .slice(0, MAX_LABELS)
      .map(({ label, score }) => ({ label, score: Math.round(score * 1000) / 1000 }));
    const shown = labels.map(({ label, score }) => `${label} (${Math.round(score * 100)} %)`);
    const words = shown.length === 0 ? 'nothing that the classifier knows' : shown.join(', ');
    return { lines: [`The picture looks like: ${words}.`], data: { labels } };
  },
};
