/** Checks that a model does what a request asks of it. */
import { EngineError } from '../../../engine/base/errors.ts';
import type { OnnxManifest } from '../../../engine/manifest/manifest.ts';

type TaskName = OnnxManifest['task']['name'];

/** @throws {EngineError} E_MODEL_KIND when the model was imported for another task. */
export function requireTask<N extends TaskName>(
  { id, task }: OnnxManifest,
  name: N,
): Extract<OnnxManifest['task'], { name: N }> {
  if (task.name === name) return task as Extract<OnnxManifest['task'], { name: N }>;
  throw new EngineError(
    'E_MODEL_KIND',
    `model: ${id} is for ${task.name}; expected a model for ${name}. GET /v1/models lists the models.`,
    { param: 'model', details: { model: id, task: task.name, expected: name } },
  );
}
