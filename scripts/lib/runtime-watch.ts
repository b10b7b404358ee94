/**
 * Ends the runtimes (workerd) of a process that was killed and could not do it itself. A small shell waits for
 * the end of a pipe that only this process holds, which the system closes however this process ends. Each runtime
 * is started by a script that first notes its process id in a folder, so that none is missed: not one that is just
 * starting, nor one that miniflare has started again.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Socket } from 'node:net';

/** What miniflare starts in the place of its own workerd. */
const COMMAND_VARIABLE = 'MINIFLARE_WORKERD_PATH';
/** What our script starts in turn. */
const RUNTIME_VARIABLE = 'THIMBLE_RUNTIME';

/** `exec` keeps the process id, the pipes and the parent. */
const START_SCRIPT = `#!/bin/sh
: > "\${0%/*}/$$" || exit 1
exec "$${RUNTIME_VARIABLE}" "$@"
`;

/**
 * $1 is the folder, $2 the runtime. The folder is renamed first: who comes to it later finds none and does not start.
 * A process id may have been given to another program since: what is no runtime is left alone.
 */
const WATCH_SCRIPT = `trap '' INT TERM HUP QUIT
read -r _
mv "$1" "$1.ended" || exit 0
for note in "$1.ended"/[0-9]*; do
  id=\${note##*/}
  case "$(ps -o args= -p "$id" 2>/dev/null || tr '\\0' ' ' 2>/dev/null < "/proc/$id/cmdline")" in
    "$2 "*|"/bin/sh $1/"*) kill -9 "$id" ;;
  esac
done
rm -rf "$1.ended"
`;

let isWatching = false;

/**
 * From here on no runtime outlives this process. Without a POSIX shell (Windows) nothing is done.
 * @param miniflare its folder
 */
export function watchRuntimes(miniflare: string): void {
  if (isWatching || process.platform === 'win32') return;
  isWatching = true;
  // A process that was started by a watched one watches its own runtimes, which are no children of our script.
  const runtime =
    process.env[RUNTIME_VARIABLE] ?? process.env[COMMAND_VARIABLE] ?? runtimeOf(miniflare);
  const folder = mkdtempSync(join(tmpdir(), 'thimble-runtimes-'));
  const command = join(folder, 'start');
  writeFileSync(command, START_SCRIPT, { mode: 0o700 });
  try {
    accessSync(command, constants.X_OK);
  } catch {
    // A folder of temporary files from which nothing may be run.
    rmSync(folder, { recursive: true, force: true });
    return;
  }
  // A group of its own: Ctrl-C goes to the whole group of a terminal.
  const watcher = spawn('/bin/sh', ['-c', WATCH_SCRIPT, 'thimble-watch', folder, runtime], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watcher.unref();
  // The pipe is held open, and keeps this process from nothing.
  (watcher.stdin as Socket).unref();
  // Who ends in order has ended the runtimes (miniflare does, at the latest now), and leaves nothing.
  process.once('exit', () => {
    watcher.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  process.env[RUNTIME_VARIABLE] = runtime;
  process.env[COMMAND_VARIABLE] = command;
}

/** The workerd that miniflare brings. */
function runtimeOf(miniflare: string): string {
  const require = createRequire(join(miniflare, 'package.json'));
  return (require('workerd') as { readonly default: string }).default;
}
