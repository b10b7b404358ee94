/** A picture of a request, sent with it or at an address that the deployment lists. What an address gives is hostile: bounded. */
import { EngineError } from '../../../engine/base/errors.ts';
import { joinBytes } from '../../../engine/base/joined.ts';
import type { AccessEnv } from '../../access/env.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { readCount } from '../../platform/vars.ts';
import { allowedAddress, isAllowed } from '../remote/allow-list.ts';
import type { AllowList } from '../remote/allow-list.ts';
import { MAX_PICTURE_BYTES, pictureBytes } from './picture-bytes.ts';
import type { SentPicture } from './picture-bytes.ts';

export interface PictureEnv extends Pick<AccessEnv, 'ACCESS'> {
  /** Addresses that pictures are fetched from, separated by commas; none when empty. */
  readonly IMAGE_SERVERS?: string;
  /** Seconds that one may take to be there as a whole; the default when empty. */
  readonly IMAGE_TIMEOUT_S?: string;
}

const DEFAULT_TIMEOUT_S = 10;
const MAX_REDIRECTS = 3;
/** Other types, such as pages that ask for a login, are no pictures; some stores say nothing better than the last one. */
const TYPES = /^(image\/[\w.+-]{1,60}|application\/octet-stream)$/i;
const MAX_SHOWN_CHARS = 80;

/**
 * @param param field of the URL
 * @param signal of whoever waits for the answer
 * @throws {EngineError} E_REQUEST_INVALID naming it; E_ABORTED
 */
export async function sentPicture(
  env: PictureEnv,
  url: string | null,
  param: string,
  signal: AbortSignal,
): Promise<SentPicture> {
  const isAddress = url !== null && /^https?:/i.test(url) && (env.IMAGE_SERVERS ?? '') !== '';
  if (!isAddress) return pictureBytes(url, param);
  const list: AllowList = {
    ...{ setting: 'IMAGE_SERVERS', what: 'addresses of pictures', option: '--images-from' },
    ...{ addresses: env.IMAGE_SERVERS, env },
  };
  const address = allowedAddress(list, url, param);
  const seconds = readCount(env.IMAGE_TIMEOUT_S) ?? DEFAULT_TIMEOUT_S;
  const late = AbortSignal.timeout(seconds * 1000);
  try {
    const response = await follow(list, address, param, AbortSignal.any([signal, late]));
    return await readPicture(response, param);
  } catch (error) {
    if (signal.aborted) throw new EngineError('E_ABORTED', 'picture: the caller has left.');
    if (late.aborted) throw wrong(param, `was not there within ${seconds} s`);
    throw error instanceof EngineError ? error : wrong(param, 'could not be reached');
  }
}

/** Asks for a picture; only redirects to listed addresses are followed. */
async function follow(
  list: AllowList,
  address: URL,
  param: string,
  signal: AbortSignal,
): Promise<Response> {
  let url = address;
  for (let n = 0; n <= MAX_REDIRECTS; n++) {
    const init = { headers: { accept: 'image/*' }, redirect: 'manual', signal } as const;
    const response = await fetch(url, init);
    if (response.status === 200) return response;
    await response.body?.cancel();
    const location = response.headers.get('location');
    const isRedirect = response.status >= 300 && response.status < 400 && location !== null;
    if (!isRedirect || !URL.canParse(location, url.href))
      throw wrong(param, `was answered with status ${response.status}`);
    url = new URL(location, url);
    if (!isAllowed(list, url))
      throw wrong(param, `redirects to an address that is not in ${list.setting}`);
  }
  throw wrong(param, `redirects more than ${MAX_REDIRECTS} times`);
}

async function readPicture(response: Response, param: string): Promise<SentPicture> {
  const [type = ''] = (response.headers.get('content-type') ?? '').split(';');
  const told = Number(response.headers.get('content-length') ?? 0);
  const refused = !TYPES.test(type.trim())
    ? `is of type ${JSON.stringify(type.slice(0, MAX_SHOWN_CHARS))}, not a picture`
    : told > MAX_PICTURE_BYTES
      ? tooLarge(told)
      : null;
  if (refused !== null) {
    await response.body?.cancel();
    throw wrong(param, refused);
  }
  const parts: Uint8Array[] = [];
  let nByte = 0;
  // Leaving early cancels the answer.
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    nByte += part.length;
    if (nByte > MAX_PICTURE_BYTES) throw wrong(param, tooLarge(nByte));
    parts.push(part);
  }
  if (nByte === 0) throw wrong(param, 'is empty');
  const claimedType = type.startsWith('image/') ? type.trim().toLowerCase() : null;
  return { bytes: joinBytes(parts), claimedType };
}

const tooLarge = (nByte: number): string =>
  `has ${nByte} bytes or more, where a picture has at most ${MAX_PICTURE_BYTES}`;

function wrong(param: string, what: string): EngineError {
  return invalidField(param, `the address ${what}; expected a picture, or a data: URL of one`);
}
