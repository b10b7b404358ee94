/** Labels of an image with their scores. */
import { EngineError } from '../../../engine/base/errors.ts';
import type { OnnxTask } from '../../../engine/manifest/onnx.ts';
import type { OnnxModel } from '../load-model.ts';
import { float32Of } from '../tensors.ts';
import { pictureOf } from './image-source.ts';
import type { ImageSource } from './image-source.ts';
import { IMAGE_INPUT_ROWS } from './image-inputs.ts';

export interface ImageLabel {
  readonly label: string;
  /** 0 to 1; the scores of all labels sum to 1. */
  readonly score: number;
}

type ImageTask = Extract<OnnxTask, { readonly image: string }>;

/** The most likely first. @throws {EngineError} E_IMAGE_INVALID */
export async function labelImage(model: OnnxModel, input: ImageSource): Promise<ImageLabel[]> {
  const { image, labels } = requireImageTask(model);
  const tensor = IMAGE_INPUT_ROWS[image](pictureOf(input));
  const [graph] = model.manifest.graphs;
  const outputs = await model.run('main', { [graph?.inputs[0]?.name ?? '']: tensor });
  const values = float32Of(outputs, graph?.outputs[0]?.name ?? '');
  if (values.length !== labels.length)
    throw new EngineError(
      'E_MANIFEST_INVALID',
      `${model.manifest.id}: gives ${values.length} scores for ${labels.length} labels. Import it again.`,
    );
  const scores = probabilities(values);
  return labels.map((label, i) => ({ label, score: scores[i]! })).sort((a, b) => b.score - a.score);
}

function requireImageTask({ manifest: { id, task } }: OnnxModel): ImageTask {
  if ('image' in task) return task;
  throw new EngineError(
    'E_MODEL_KIND',
    `model: ${id} is for ${task.name}; expected a model for images. GET /v1/models lists the models.`,
    { param: 'model', details: { model: id, task: task.name } },
  );
}

/** Unchanged when the values are probabilities already, else their softmax. */
function probabilities(values: Float32Array): number[] {
  const sum = values.reduce((total, value) => total + value, 0);
  if (values.every((value) => value >= 0) && Math.abs(sum - 1) < 1e-3) return [...values];
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const exps = Array.from(values, (value) => Math.exp(value - most));
  const total = exps.reduce((a, b) => a + b, 0);
  return exps.map((value) => value / total);
}
