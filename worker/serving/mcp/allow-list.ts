/** Addresses of MCP servers that this deployment asks: those of its setting, and no others. */
import { accessMode, listOf } from '../../access/env.ts';
import type { AccessEnv } from '../../access/env.ts';
import { invalidField } from '../../platform/invalid-field.ts';

export interface McpEnv extends Pick<AccessEnv, 'ACCESS'> {
  /** Addresses, separated by commas: each allows its origin and the paths from its own on. */
  readonly MCP_SERVERS?: string;
}

const MAX_SHOWN_CHARS = 100;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** @throws {EngineError} E_REQUEST_INVALID naming `param`, and the setting */
export function allowedServer(env: McpEnv, text: string, param: string): URL {
  const shown = JSON.stringify(text.slice(0, MAX_SHOWN_CHARS));
  if (!URL.canParse(text)) throw invalidField(param, `expected an address, got ${shown}`);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    throw invalidField(param, 'expected no name and password in it; use "authorization"');
  url.hash = '';
  if (!isSecure(env, url))
    throw invalidField(
      param,
      `expected https, got ${shown}; http is for loopback addresses of a server on one's own machine`,
    );
  if (isAllowed(env, url)) return url;
  throw invalidField(
    param,
    `${shown} is none of the MCP servers that this deployment asks; expected one of its setting MCP_SERVERS. ` +
      'Its owner adds one with thimble dev --mcp URL, or thimble deploy --mcp URL',
  );
}

/** Whether a server may be asked, such as one that another leads to. */
export function isAllowed(env: McpEnv, url: URL): boolean {
  if (!isSecure(env, url)) return false;
  return listOf(env.MCP_SERVERS)
    .filter((text) => URL.canParse(text))
    .some((text) => covers(new URL(text), url));
}

function isSecure(env: McpEnv, { protocol, hostname }: URL): boolean {
  if (protocol === 'https:') return true;
  return protocol === 'http:' && LOOPBACK.test(hostname) && accessMode(env) === 'local';
}

/** The parser has resolved "." and ".." in both, written with % or not. */
function covers(allowed: URL, { origin, pathname }: URL): boolean {
  if (origin !== allowed.origin) return false;
  const path = allowed.pathname.replace(/\/$/, '');
  return pathname === path || pathname.startsWith(`${path}/`);
}
