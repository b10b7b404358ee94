/** Errors of decoders, which do not know which part of a request they read, with its name. */
import { EngineError, errorFromRecord, errorToRecord } from '../../../engine/base/errors.ts';

/** @param path of the part, which errors about its content get */
export async function named<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const isInput =
      error instanceof EngineError &&
      (error.code === 'E_IMAGE_INVALID' || error.code === 'E_AUDIO_INVALID');
    throw isInput ? errorFromRecord({ ...errorToRecord(error), param: path }) : error;
  }
}
