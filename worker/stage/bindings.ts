/** Bindings to stages: of the gateway to all, of a stage to those after it. */
import { EngineError } from '../../engine/base/errors.ts';

export type StageBinding = 'STAGE' | `STAGE_${number}`;

/** Name of the binding to the stage script of an isolate. */
export function stageBinding(isolate: number): StageBinding {
  return isolate === 0 ? 'STAGE' : `STAGE_${isolate}`;
}

/**
 * The objects of a stage script.
 * @throws {EngineError} E_PLACEMENT_INVALID for an isolate that this script is not bound to.
 */
export function stageNamespace<T extends Rpc.DurableObjectBranded>(
  env: object,
  isolate: number,
): DurableObjectNamespace<T> {
  const found = (env as Partial<Record<string, DurableObjectNamespace<T>>>)[stageBinding(isolate)];
  if (found !== undefined) return found;
  throw new EngineError(
    'E_PLACEMENT_INVALID',
    `placement: isolate ${isolate} is not bound; the pool is smaller. ` +
      'Deploy more (thimble deploy --isolates N), or place the models again: thimble plan --write',
    { details: { isolate } },
  );
}
