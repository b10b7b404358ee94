/** Addresses of MCP servers that this deployment asks: those of its setting, and no others. */
import type { AccessEnv } from '../../access/env.ts';
import * as remote from '../remote/allow-list.ts';

export interface McpEnv extends Pick<AccessEnv, 'ACCESS'> {
  /** Addresses, separated by commas: each allows its origin and the paths from its own on. */
  readonly MCP_SERVERS?: string;
}

const listOf = (env: McpEnv): remote.AllowList => ({
  ...{ setting: 'MCP_SERVERS', what: 'MCP servers', option: '--mcp' },
  credentials: '"authorization"',
  ...{ addresses: env.MCP_SERVERS, env },
});

/** @throws {EngineError} E_REQUEST_INVALID naming `param`, and the setting */
export const allowedServer = (env: McpEnv, text: string, param: string): URL =>
  remote.allowedAddress(listOf(env), text, param);

/** Whether a server may be asked, such as one that another leads to. */
export const isAllowed = (env: McpEnv, url: URL): boolean => remote.isAllowed(listOf(env), url);
