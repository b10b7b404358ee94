/** The error for a field of a request that cannot be used as it was sent. */
import { EngineError, type EngineErrorOptions } from '../../engine/base/errors.ts';

/**
 * @param param path of the field, such as `messages[2].role`
 * @param what what is wrong, what was expected, and how to fix it; without the last full stop
 * @returns an E_REQUEST_INVALID whose `param` is the field
 */
export function invalidField(
  param: string,
  what: string,
  options: Omit<EngineErrorOptions, 'param'> = {},
): EngineError {
  return new EngineError('E_REQUEST_INVALID', `${param}: ${what}.`, { ...options, param });
}
