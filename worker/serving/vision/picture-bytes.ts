/** The bytes of a picture in a request: of a data: URL. Addresses are for fetch-picture.ts. */
import { fromBase64 } from '../../../engine/base/base64.ts';
import { invalidField } from '../../platform/invalid-field.ts';

/** Pictures of one request, over all its turns. */
export const MAX_PICTURES = 16;
export const MAX_PICTURE_BYTES = 8 * 1024 * 1024;

const DATA_URL = /^data:([\w.+-]{1,40}\/[\w.+-]{1,60})?(?:;[\w.+-]{1,40}=[\w.+-]{1,40})?;base64,/i;

export interface SentPicture {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What the request says that it is; null where it says nothing. The bytes decide. */
  readonly claimedType: string | null;
}

/** @param param field of the URL @throws {EngineError} E_REQUEST_INVALID */
export function pictureBytes(url: string | null, param: string): SentPicture {
  const fail = (expected: string) => invalidField(param, `expected ${expected}`);
  const [prefix, type] = DATA_URL.exec((url ?? '').slice(0, 200)) ?? [];
  if (url === null || prefix === undefined)
    throw fail(
      `a data: URL of a picture in base64, got ${url === null ? 'nothing' : JSON.stringify(url.slice(0, 40))}; ` +
        'this server fetches no addresses',
    );
  // Four characters are three bytes.
  const nByte = Math.floor(((url.length - prefix.length) * 3) / 4);
  if (nByte > MAX_PICTURE_BYTES + 2)
    throw fail(`at most ${MAX_PICTURE_BYTES} bytes a picture, got ${nByte}; make it smaller`);
  const bytes = fromBase64(url.slice(prefix.length));
  if (bytes === null || bytes.length === 0) throw fail('base64 after the comma');
  return { bytes, claimedType: type?.toLowerCase() ?? null };
}
