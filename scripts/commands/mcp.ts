/** `thimble mcp`: a bridge for clients of MCP that only start programs (stdio), to a server's POST /mcp. */
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { StdioBridge } from './mcp/stdio-bridge.ts';

const DEFAULT_URL = 'http://localhost:8787';
const KEY_VARIABLE = 'THIMBLE_KEY';

const EXAMPLES = `
Examples:
  thimble mcp                                    (the server of npm start)
  ${KEY_VARIABLE}=thk_... thimble mcp https://thimble.example.workers.dev

In Claude Desktop's claude_desktop_config.json:
  {"mcpServers": {"thimble": {"command": "thimble", "args": ["mcp", "https://HOST"], "env": {"${KEY_VARIABLE}": "KEY"}}}}
`;

export function register(program: Command): void {
  program
    .command('mcp')
    .summary('offer a server as tools to a program that starts this one')
    .description(
      'Passes messages of the Model Context Protocol from standard input to a server, and its answers to standard output, ' +
        `for clients that cannot ask a server themselves. The key is read from ${KEY_VARIABLE}.`,
    )
    .argument('[url]', 'address of the server', DEFAULT_URL)
    .addHelpText('after', EXAMPLES)
    .action(async (url: string) => {
      const bridge = new StdioBridge(url, process.env[KEY_VARIABLE] ?? null, {
        message: (line) => process.stdout.write(`${line}\n`),
        note: (line) => process.stderr.write(`${line}\n`),
      });
      for await (const line of createInterface({ input: process.stdin })) await bridge.take(line);
      await bridge.end();
    });
}
