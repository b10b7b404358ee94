/**
 * Classifies a picture by the labels of a request that nothing was trained for: cosines of its vector with those of the labels,
 * by a model with an image tower, times the scale that was learned with it.
 */
import { EngineError } from '../../../engine/base/errors.ts';
import { NO_USAGE } from '../../../engine/generate/types.ts';
import type { GenerateUsage } from '../../../engine/generate/types.ts';
import { adapterModelId } from '../../../engine/manifest/adapters.ts';
import type { Caller } from '../../platform/caller.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { resourcesJson } from '../accounting/resources.ts';
import { timingsJson, usageJson } from '../accounting/usage.ts';
import { dot } from '../embedding/dot.ts';
import { embed } from '../embedding/embed.ts';
import { embedPictures, PICTURE_TOKENS, requireTower } from '../embedding/embed-pictures.ts';
import { type EncoderModel, findEncoder } from '../embedding/find-encoder.ts';
import { textIds } from '../embedding/text-ids.ts';
import type { ServingEnv } from '../env.ts';
import { listServed } from '../models/list-manifests.ts';
import { sentPicture } from '../vision/fetch-picture.ts';
import type { Label } from './prompts/classify.ts';

export interface PictureClassification {
  readonly model?: string | undefined;
  /** A data: URL, or an address that the deployment fetches pictures from. */
  readonly image: string;
  readonly labels: readonly Label[];
  readonly multi_label: boolean;
  readonly instruction?: string | undefined;
}

export interface ClassifyOptions {
  readonly signal: AbortSignal;
  readonly onUsage: (modelId: string, usage: GenerateUsage) => void;
}

/**
 * The answer of the task. Priors are even: labels are not calibrated.
 * @throws {EngineError} E_REQUEST_INVALID for fields that pictures do not have, E_IMAGE_INVALID, E_MODEL_NOT_FOUND; errors of
 *   the scripts
 */
export async function classifyPicture(
  env: ServingEnv,
  caller: Caller,
  { model: wanted, image, labels, multi_label: isMulti, instruction }: PictureClassification,
  { signal, onUsage }: ClassifyOptions,
): Promise<object> {
  if (isMulti)
    throw invalidField('multi_label', 'expected false with an "image": labels are only compared');
  if (instruction !== undefined)
    throw invalidField('instruction', 'expected no instruction with an "image": none is read');
  const model = await findTowerModel(env, caller, wanted);
  const tower = requireTower(model, 'image');
  const startedAtMs = Date.now();
  const open = async () => (await sentPicture(env, image, 'image', signal)).bytes;
  const [seen] = await embedPictures(env, caller, model, [{ param: 'image', open }], signal);
  const ids = await textIds(model, labels.map(wordsOf), {
    ...{ truncate: false, nameOf: (i) => `labels[${i}]` },
  });
  const vectors = await embed(env, caller, model, ids, { signal });
  const probabilities = softmax(vectors.map((vector) => dot(vector, seen!) * tower.scale));
  const best = probabilities.indexOf(Math.max(...probabilities));
  const usage: GenerateUsage = {
    ...NO_USAGE,
    promptTokens: ids.reduce((sum, { length }) => sum + length, PICTURE_TOKENS),
    prefillMs: Date.now() - startedAtMs,
  };
  onUsage(model.id, usage);
  return {
    ...{ object: 'task.classify', model: model.id, label: labels[best]!.label },
    labels: labels.map(({ label }, i) => ({
      ...{ label, probability: probabilities[i], likelihood: probabilities[i] },
      ...{ prior: 1 / labels.length, applies: i === best },
    })),
    chunks: 1,
    ...{ usage: usageJson(usage), timings: timingsJson(usage) },
    resources: resourcesJson(model.manifest, [usage]),
  };
}

function wordsOf({ label, description }: Label): string {
  return description === undefined ? label : `${label}: ${description}`;
}

function softmax(scores: readonly number[]): number[] {
  const top = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - top));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * The model of a request, else EMBEDDING_MODEL where that has a tower, else the only one that has.
 * @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND; E_REQUEST_INVALID when it is ambiguous
 */
async function findTowerModel(
  env: ServingEnv,
  caller: Caller,
  wanted: string | undefined,
): Promise<EncoderModel> {
  if (wanted !== undefined) return await findEncoder(env, wanted, caller);
  const { adapters } = await listServed(env, caller);
  const ids = adapters
    .filter(({ adapter }) => adapter.tower !== null)
    .map(({ base, adapter }) => adapterModelId(base.manifest.id, adapter.name));
  const { EMBEDDING_MODEL = '' } = env;
  const id = ids.includes(EMBEDDING_MODEL) ? EMBEDDING_MODEL : ids[0];
  if (id === undefined)
    throw new EngineError(
      'E_MODEL_NOT_FOUND',
      'model: no model has an image tower. Add one: thimble adapter add all-minilm-l6-v2:pictures FOLDER.',
      { param: 'model' },
    );
  if (ids.length > 1 && id !== EMBEDDING_MODEL)
    throw invalidField('model', `expected one of ${ids.join(', ')}; there are several`, {
      details: { models: ids },
    });
  return await findEncoder(env, id, caller);
}
