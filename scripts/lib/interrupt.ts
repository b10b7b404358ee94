/**
 * Ctrl-C, done once for the whole program: clean-ups run in reverse order, then the program ends.
 * A command that is cut off ends with 130; a server that was asked to stop ends with 0.
 */
import process from 'node:process';

/** What a shell reports for a program ended by SIGINT: 128 + 2. */
export const INTERRUPTED_EXIT_CODE = 130;
/** Clean-ups that hang must not keep the program alive. */
const CLEANUP_TIMEOUT_MS = 5_000;

/** What asks a program to end: Ctrl-C, kill, a closed terminal. */
export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

type Cleanup = () => void | Promise<void>;

const cleanups: Cleanup[] = [];
let exitCode = INTERRUPTED_EXIT_CODE;
let message: string | null = 'interrupted; run the same command again to continue where it stopped';
let stopping = false;
const signal = new AbortController();

/** Aborted on the first Ctrl-C. */
export const interruptSignal: AbortSignal = signal.signal;

/** Runs `cleanup` when the program is interrupted; the returned function takes it back. */
export function onInterrupt(cleanup: Cleanup): () => void {
  cleanups.push(cleanup);
  return () => {
    const at = cleanups.indexOf(cleanup);
    if (at >= 0) cleanups.splice(at, 1);
  };
}

/** Makes an interrupt the normal end from here on (a server): exit code `code`, `text` as the last line. */
export function setInterruptOutcome(code: number, text: string | null): void {
  exitCode = code;
  message = text;
}

/**
 * Listens for SIGINT, SIGTERM and SIGHUP, and for the end of the process that has started this one for another
 * version of Node (packages.mjs), which may be killed without a signal that it could pass on. Call once, from the
 * program's entry.
 */
export function installInterruptHandlers(): void {
  for (const name of SIGNALS) {
    // A terminal sends the signal to the whole process group and a parent may pass it on as well:
    // later ones change nothing.
    process.on(name, () => {
      if (!stopping) void stop();
    });
  }
  if (process.channel === undefined || process.channel === null) return;
  process.once('disconnect', () => {
    if (!stopping) void stop();
  });
  // Nothing is said over it: it must not keep a program that is done.
  process.channel.unref();
}

async function stop(): Promise<void> {
  stopping = true;
  signal.abort();
  const timer = setTimeout(() => process.exit(exitCode), CLEANUP_TIMEOUT_MS);
  timer.unref();
  for (const cleanup of cleanups.reverse()) {
    try {
      await cleanup();
    } catch (error) {
      process.stderr.write(`while stopping: ${String(error)}\n`);
    }
  }
  if (message !== null) process.stderr.write(`\n${message}\n`);
  process.exit(exitCode);
}
