/** Vectors of fewer values than the model's: its first ones, of length one again. */
import { toLengthOne } from '../../../engine/model/encoder/pooling.ts';
import { invalidField } from '../../platform/invalid-field.ts';

/** @throws {EngineError} E_REQUEST_INVALID for more than the model has */
export function checkDimensions(dimensions: number | undefined, nEmbd: number): number {
  if (dimensions === undefined || dimensions <= nEmbd) return dimensions ?? nEmbd;
  throw invalidField(
    'dimensions',
    `expected at most ${nEmbd}, the model's own size, got ${dimensions}`,
    { details: { dimensions, nEmbd } },
  );
}

export function shortened(vector: Float32Array, dimensions: number): Float32Array {
  return dimensions === vector.length ? vector : toLengthOne(vector.slice(0, dimensions));
}
