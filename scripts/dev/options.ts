/** The options of every command that serves. */
import type { Command } from 'commander';
import { parseCount, parsePort } from '../lib/arguments.ts';
import type { ServerOptions } from './server.ts';

export interface ServeFlags {
  readonly port: number;
  readonly host: string;
  readonly model?: string;
  readonly ctx?: number;
  readonly inspectorPort?: number;
  readonly verbose?: boolean;
}

export function addServeOptions(command: Command): Command {
  return command
    .option('--port <port>', 'port to listen on; 0 chooses a free one', parsePort, 8787)
    .option('--host <host>', 'address to listen on; 0.0.0.0 is reachable by others', '127.0.0.1')
    .option('--model <id>', 'model to serve')
    .option('--ctx <tokens>', 'context length to reserve memory for (default 2048)', parseCount(1))
    .option('--inspector-port <port>', "port of workerd's inspector", parsePort)
    .option('--verbose', 'show what the Workers log');
}

export function readServeOptions(flags: ServeFlags): ServerOptions {
  return {
    port: flags.port,
    host: flags.host,
    ...(flags.ctx === undefined ? {} : { vars: { CONTEXT_TOKENS: String(flags.ctx) } }),
    ...(flags.inspectorPort === undefined ? {} : { inspectorPort: flags.inspectorPort }),
    ...(flags.verbose === undefined ? {} : { verbose: flags.verbose }),
  };
}
