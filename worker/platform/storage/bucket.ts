/** Lists a bucket page by page. */
import { retryStorage } from './retry-storage.ts';

/** Objects whose keys begin with `prefix`, in the order of their keys; after the key `after` if given. */
export async function* listObjects(
  bucket: R2Bucket,
  prefix: string,
  after?: string,
): AsyncGenerator<R2Object, void, void> {
  let cursor: string | undefined;
  do {
    const from = cursor;
    const page = await retryStorage(`list of ${prefix}`, () =>
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
