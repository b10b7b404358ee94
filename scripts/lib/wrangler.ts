/** wrangler as a program: found in node_modules, run without questions, colours or update checks. */
import process from 'node:process';
import { join } from 'node:path';
import { existsSync } from 'node:fs';
import { EngineError } from '../../engine/base/errors.ts';
import { runTool } from './exec.ts';
import type { RunResult } from './exec.ts';
import { repoRoot } from './paths.ts';

const WRANGLER = join(repoRoot, 'node_modules', 'wrangler', 'bin', 'wrangler.js');

export async function runWrangler(
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<RunResult> {
  if (!existsSync(WRANGLER)) {
    throw new EngineError('E_USAGE', 'wrangler: not installed. Run: npm install');
  }
  return await runTool(process.execPath, [WRANGLER, ...args], {
    cwd: repoRoot,
    env: { CI: '1', NO_COLOR: '1', WRANGLER_SEND_METRICS: 'false', FORCE_COLOR: undefined },
    ...(onLine === undefined ? {} : { onLine: (line: string) => onLine(line) }),
  });
}
