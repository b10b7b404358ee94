/** wrangler as a program, run without questions, colours or update checks. */
import { join } from 'node:path';
import process from 'node:process';
import { runTool } from './exec.ts';
import type { RunResult } from './exec.ts';
import { isPackaged, repoRoot } from './paths.ts';
import { toolFolder, wranglerNode } from './tools.ts';

/** Where wrangler runs: paths of configurations are relative to it. */
export function wranglerDir(): string {
  return isPackaged ? process.cwd() : repoRoot;
}

/** @throws {EngineError} as `toolFolder` */
export async function runWrangler(
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<RunResult> {
  const program = join(await toolFolder('wrangler'), 'bin', 'wrangler.js');
  return await runTool(await wranglerNode(), [program, ...args], {
    cwd: wranglerDir(),
    env: { CI: '1', NO_COLOR: '1', WRANGLER_SEND_METRICS: 'false', FORCE_COLOR: undefined },
    ...(onLine === undefined ? {} : { onLine: (line: string) => onLine(line) }),
  });
}
