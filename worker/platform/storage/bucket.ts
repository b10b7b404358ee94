/** The bucket of files and of the list of batches: operations that are tried again when they fail. */
import { EngineError } from '../../../engine/base/errors.ts';
import { retry } from '../retry.ts';

const ATTEMPTS = 4;
const FIRST_DELAY_MS = 50;

/** @throws {EngineError} E_BACKEND_UNAVAILABLE when every attempt failed. */
export async function retryBucket<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await retry(run, { attempts: ATTEMPTS, firstDelayMs: FIRST_DELAY_MS });
  } catch (cause) {
    throw new EngineError(
      'E_BACKEND_UNAVAILABLE',
      `storage: ${what}: ${ATTEMPTS} attempts failed. Try again.`,
      { details: { what, attempts: ATTEMPTS }, cause },
    );
  }
}

/** Objects whose key begins with `prefix`, in the order of their keys, behind `after` if given. */
export async function* listObjects(
  bucket: R2Bucket,
  prefix: string,
  after?: string,
): AsyncGenerator<R2Object, void, void> {
  let cursor: string | undefined;
  do {
    const from = cursor;
    const page = await retryBucket(`list of ${prefix}`, () =>
      bucket.list({
        prefix,
        include: ['customMetadata'],
        ...(from !== undefined
          ? { cursor: from }
          : after !== undefined
            ? { startAfter: after }
            : {}),
      }),
    );
    yield* page.objects;
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
}
