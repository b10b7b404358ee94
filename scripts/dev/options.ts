/** The options of every command that serves. */
import process from 'node:process';
import type { Command } from 'commander';
import { budgetOfMemory } from '../../engine/placement/assign.ts';
import { DEFAULT_ISOLATES } from '../../engine/placement/changes.ts';
import {
  collectHost,
  collectAddress,
  collectOrigin,
  parseBytes,
  parseCount,
  parseIsolates,
  parsePort,
} from '../lib/arguments.ts';
import type { ServerOptions } from './server.ts';

export interface ServeFlags {
  readonly port: number;
  readonly host: string;
  readonly model?: string;
  readonly ctx?: number;
  readonly also?: readonly string[];
  readonly isolates?: number | 'auto';
  readonly memory?: number;
  readonly inspectorPort?: number;
  readonly verbose?: boolean;
  readonly origin?: readonly string[];
  readonly allowHost?: readonly string[];
  readonly mcp?: readonly string[];
  readonly imagesFrom?: readonly string[];
  readonly keys?: boolean;
}

export function addServeOptions(command: Command): Command {
  return command
    .option('--port <port>', 'port to listen on; 0 chooses a free one', parsePort, 8787)
    .option('--host <host>', 'address to listen on; 0.0.0.0 is reachable by others', '127.0.0.1')
    .option('-m, --model <id>', 'model to serve; one of the catalogue is pulled')
    .option('--also <ids...>', 'further models of any kind to serve')
    .option('--ctx <tokens>', 'context length to reserve memory for (default 2048)', parseCount(1))
    .option(
      '--isolates <n>',
      `isolates that hold models, or auto for as many as they need (default ${DEFAULT_ISOLATES})`,
      parseIsolates,
    )
    .option(
      '--memory <size>',
      'memory of an isolate, such as 2GB: one holds a model that takes several when deployed (default 128MB)',
      parseBytes,
    )
    .option(
      '--origin <origin>',
      'let web pages of this origin ask, such as https://example.org; may be repeated, * for all',
      collectOrigin,
    )
    .option(
      '--allow-host <name>',
      'answer to this name, too, besides localhost; may be repeated',
      collectHost,
    )
    .option(
      '--mcp <url>',
      'let responses ask this MCP server, and paths below its own; may be repeated',
      collectAddress,
    )
    .option(
      '--images-from <url>',
      'fetch pictures of requests from this address, and paths below it; may be repeated',
      collectAddress,
    )
    .option('--keys', 'ask for keys (thimble keys create), as a deployment does')
    .option('--inspector-port <port>', "port of workerd's inspector", parsePort)
    .option('--verbose', 'show what the Workers log');
}

/** @throws {EngineError} E_USAGE for isolates too small for any model. */
export function readServeOptions(flags: ServeFlags): ServerOptions {
  const { ctx, memory, inspectorPort, verbose } = flags;
  if (memory !== undefined) budgetOfMemory(memory);
  return {
    port: flags.port,
    host: flags.host,
    vars: {
      ...accessVars(flags),
      ...(flags.mcp === undefined ? {} : { MCP_SERVERS: flags.mcp.join() }),
      ...(flags.imagesFrom === undefined ? {} : { IMAGE_SERVERS: flags.imagesFrom.join() }),
      ...(ctx === undefined ? {} : { CONTEXT_TOKENS: String(ctx) }),
      ...(memory === undefined ? {} : { MEMORY_BUDGET_BYTES: String(memory) }),
      ...fromEnvironment(),
    },
    ...(inspectorPort === undefined ? {} : { inspectorPort }),
    ...(verbose === undefined ? {} : { verbose }),
  };
}

/** What a deployment keeps in its bucket, and is named here to try it. */
function fromEnvironment(): Record<string, string> {
  const given = ['WATERMARK_KEY', 'POLICY'].map((name) => [name, process.env[name] ?? ''] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== ''));
}

/** Names that a server on this machine has whatever it listens on. */
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** Who may ask the server. */
function accessVars({
  host,
  origin = [],
  allowHost = [],
  keys,
}: ServeFlags): Record<string, string> {
  // Others reach it by an address of this machine, which a page that rebinds its name cannot send.
  const hosts = LOOPBACK.test(host) ? allowHost : [...allowHost, 'ip'];
  return {
    ALLOWED_ORIGINS: origin.join(),
    ALLOWED_HOSTS: hosts.join(),
    ...(keys === true ? { ACCESS: 'keys' } : {}),
  };
}
