/** Addresses that a deployment asks for its callers: those of a setting of its, and no others. */
import { accessMode, listOf } from '../../access/env.ts';
import type { AccessEnv } from '../../access/env.ts';
import { invalidField } from '../../platform/invalid-field.ts';

/** A setting that lists addresses: each allows its origin and the paths from its own on. */
export interface AllowList {
  /** Its name, for errors. */
  readonly setting: string;
  /** What is at the addresses. */
  readonly what: string;
  /** What says who asks, in place of a name and a password in the address; absent where nothing does. */
  readonly credentials?: string;
  /** The option of the command line that adds one. */
  readonly option: string;
  /** The setting itself: addresses, separated by commas. */
  readonly addresses: string | undefined;
  readonly env: Pick<AccessEnv, 'ACCESS'>;
}

const MAX_SHOWN_CHARS = 100;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** @throws {EngineError} E_REQUEST_INVALID naming `param`, and the setting */
export function allowedAddress(list: AllowList, text: string, param: string): URL {
  const shown = JSON.stringify(text.slice(0, MAX_SHOWN_CHARS));
  if (!URL.canParse(text)) throw invalidField(param, `expected an address, got ${shown}`);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    throw invalidField(
      param,
      `expected no name and password in it${list.credentials === undefined ? '' : `; use ${list.credentials}`}`,
    );
  url.hash = '';
  if (!isSecure(list, url))
    throw invalidField(
      param,
      `expected https, got ${shown}; http is for loopback addresses of a server on one's own machine`,
    );
  if (isAllowed(list, url)) return url;
  const { what, setting, option } = list;
  throw invalidField(
    param,
    `${shown} is none of the ${what} that this deployment asks; expected one of its setting ${setting}. ` +
      `Its owner adds one with thimble dev ${option} URL, or thimble deploy ${option} URL`,
  );
}

/** Whether an address may be asked, such as one that another leads to. */
export function isAllowed(list: AllowList, url: URL): boolean {
  if (!isSecure(list, url)) return false;
  return listOf(list.addresses)
    .filter((text) => URL.canParse(text))
    .some((text) => covers(new URL(text), url));
}

function isSecure({ env }: AllowList, { protocol, hostname }: URL): boolean {
  if (protocol === 'https:') return true;
  return protocol === 'http:' && LOOPBACK.test(hostname) && accessMode(env) === 'local';
}

/** The parser has resolved "." and ".." in both, written with % or not. */
function covers(allowed: URL, { origin, pathname }: URL): boolean {
  if (origin !== allowed.origin) return false;
  const path = allowed.pathname.replace(/\/$/, '');
  return pathname === path || pathname.startsWith(`${path}/`);
}
