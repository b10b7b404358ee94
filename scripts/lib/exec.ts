/**
 * Runs another program (pip, npm, wrangler) and waits for it: output by line, its last lines in the
 * error, stopped on Ctrl-C.
 */
import process from 'node:process';
import { spawn } from 'node:child_process';
import { EngineError } from '../../engine/base/errors.ts';
import { onInterrupt } from './interrupt.ts';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  readonly input?: string;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Bytes of each stream that are kept; what comes before is dropped. */
const KEEP_CHARS = 1_000_000;

/**
 * Runs `command` to its end, whatever its exit code.
 * @throws {EngineError} E_USAGE when there is no such program.
 */
export function runTool(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const forget = onInterrupt(() => void child.kill('SIGTERM'));
    const kept = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      let rest = '';
      child[name].setEncoding('utf8').on('data', (text: string) => {
        kept[name] = (kept[name] + text).slice(-KEEP_CHARS);
        const lines = (rest + text).split(/\r?\n|\r/);
        rest = lines.pop() ?? '';
        for (const line of lines) options.onLine?.(line, name);
      });
      child[name].on('end', () => {
        if (rest !== '') options.onLine?.(rest, name);
      });
    }
    child.on('error', (cause) => {
      forget();
      reject(
        new EngineError(
          'E_USAGE',
          `${command}: could not be started (${cause.message}). Is it installed and on PATH?`,
          { cause },
        ),
      );
    });
    child.on('close', (code, signal) => {
      forget();
      resolve({ code: code ?? (signal === null ? 1 : 128), ...kept });
    });
    // A program that does not read its input closes the pipe, which is not an error here.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** The lines of a failed program's output that say why, shortest useful form. */
export function failureReason(result: RunResult): string {
  const lines = `${result.stdout}\n${result.stderr}`
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const errors = lines.filter((line) => /^(npm )?error\b|^ERROR|^fatal|Error:/i.test(line));
  const chosen = (errors.length > 0 ? errors : lines).slice(-3).join(' / ');
  return `exit code ${result.code}${chosen === '' ? '' : `: ${chosen.slice(0, 400)}`}`;
}
