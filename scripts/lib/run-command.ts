/**
 * The frame around every command: errors as one line with their code, exit code 0 only on success,
 * Ctrl-C handled. Stacks are shown with THIMBLE_DEBUG only.
 */
import process from 'node:process';
import { EngineError, errorToRecord } from '../../engine/base/errors.ts';
import { colour } from './colours.ts';
import { installInterruptHandlers, INTERRUPTED_EXIT_CODE, interruptSignal } from './interrupt.ts';

/** Runs a program's main function as the whole program. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  installInterruptHandlers();
  // A reader that has closed the pipe (`thimble inspect | head`) is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    await main();
  } catch (error) {
    // While an interrupt is being handled its own exit code stands.
    if (interruptSignal.aborted) return;
    reportError(error);
    process.exitCode = isAborted(error) ? INTERRUPTED_EXIT_CODE : 1;
  }
}

/** `error: message [E_CODE]` on standard error; with --json also `{"error": ...}` on standard output. */
export function reportError(error: unknown): void {
  const record = errorToRecord(error);
  const head = colour('red', 'error:', process.stderr);
  process.stderr.write(`${head} ${record.message} [${record.code}]\n`);
  if (process.argv.includes('--json')) {
    const { code, message, details } = record;
    process.stdout.write(`${JSON.stringify({ error: { code, message, details } })}\n`);
  }
  if (process.env['THIMBLE_DEBUG'] && error instanceof Error) {
    process.stderr.write(`${error.stack ?? ''}\n`);
    if (error.cause instanceof Error) process.stderr.write(`caused by: ${error.cause.stack}\n`);
  } else if (record.code === 'E_INTERNAL') {
    process.stderr.write('This is a bug in thimble. THIMBLE_DEBUG=1 shows where.\n');
  }
}

function isAborted(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'E_ABORTED';
}
