/** Which MCP servers a deployment asks. */
import { expect, test } from 'vitest';
import { EngineError } from '../../../../engine/base/errors.ts';
import { allowedServer, isAllowed } from '../../../../worker/serving/mcp/allow-list.ts';
import type { McpEnv } from '../../../../worker/serving/mcp/allow-list.ts';

const servers = 'https://mcp.example.org/v1/mcp, https://tools.example, not an address';
const deployed: McpEnv = { ACCESS: 'keys', MCP_SERVERS: servers };
const local: McpEnv = {
  ACCESS: 'local',
  MCP_SERVERS: 'http://127.0.0.1:99/mcp, http://example.org',
};

const isTaken = (env: McpEnv, url: string): boolean => {
  try {
    return allowedServer(env, url, 'url').href !== '';
  } catch (error) {
    if (error instanceof EngineError && error.code === 'E_REQUEST_INVALID') return false;
    throw error;
  }
};

test.each([
  ['https://mcp.example.org/v1/mcp', true],
  ['https://mcp.example.org/v1/mcp/', true],
  ['https://mcp.example.org/v1/mcp/team?x=1', true],
  ['https://MCP.example.org:443/v1/./mcp', true],
  ['https://tools.example/anything', true],
  ['https://mcp.example.org/v1/mcpx', false],
  ['https://mcp.example.org/v1', false],
  ['https://mcp.example.org/v1/mcp/../admin', false],
  ['https://mcp.example.org/v1/mcp/%2E%2e/admin', false],
  ['https://mcp.example.org/v1/mcp\\..\\admin', false],
  ['https://mcp.example.org:8443/v1/mcp', false],
  ['https://mcp.example.org.evil.example/v1/mcp', false],
  ['https://tools.example@evil.example/', false],
  ['https://user@tools.example/', false],
  ['http://tools.example/', false],
  ['https://169.254.169.254/', false],
  ['//tools.example/', false],
  ['', false],
])('%s of a deployment: %s', (url, isThere) => {
  expect(isTaken(deployed, url)).toBe(isThere);
});

test('http is for loopback addresses of a local server', () => {
  const url = 'http://127.0.0.1:99/mcp';
  expect(isTaken(local, url)).toBe(true);
  expect(isTaken({ ...local, ACCESS: 'keys' }, url)).toBe(false);
  expect(isTaken({ ...local, ACCESS: 'public' }, url)).toBe(false);
  expect(isTaken(local, 'http://example.org/')).toBe(false);
  expect(isTaken(local, 'http://127.0.0.1:98/mcp')).toBe(false);
});

test('without a setting none is asked', () => {
  for (const env of [{ ACCESS: 'local' }, { ...deployed, MCP_SERVERS: '' }, { MCP_SERVERS: '*' }])
    expect(isAllowed(env, new URL('https://tools.example/'))).toBe(false);
});
