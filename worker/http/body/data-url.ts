/** Images inside a request. Nothing is fetched for a client: other URLs are refused. */
import { invalidField } from '../../platform/invalid-field.ts';
import { fromBase64 } from '../../../engine/base/base64.ts';

const DATA_URL = /^data:(image\/(?:png|jpeg|jpg))?;base64,/;
/** Decoders need up to 20 times as much while they run. */
export const MAX_IMAGE_BYTES = 3 * 1024 * 1024;

/** @throws {EngineError} E_REQUEST_INVALID whose `param` is the field. */
export function readDataUrl(url: string, param: string): Uint8Array<ArrayBuffer> {
  const [prefix] = DATA_URL.exec(url) ?? [];
  const fail = (expected: string) => invalidField(param, `expected ${expected}`);
  if (prefix === undefined)
    throw fail(
      `a data: URL of a PNG or JPEG in base64, got ${JSON.stringify(url.slice(0, 40))}; this server fetches no addresses`,
    );
  const bytes = fromBase64(url.slice(prefix.length));
  if (bytes === null || bytes.length === 0) throw fail('base64 after the comma');
  if (bytes.length > MAX_IMAGE_BYTES)
    throw fail(`at most ${MAX_IMAGE_BYTES} bytes, got ${bytes.length}; make the image smaller`);
  return bytes;
}
