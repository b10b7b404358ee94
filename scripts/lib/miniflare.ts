/** Miniflare with what every use of it here shares: nothing on the network, nothing to the console. */
import process from 'node:process';
import type { Miniflare, V4MiniflareOptions } from 'miniflare';
import { SIGNALS } from './interrupt.ts';
import { watchRuntimes } from './runtime-watch.ts';
import { importTool, toolFolder } from './tools.ts';

type MiniflareModule = typeof import('miniflare');

/**
 * Options of V8 for all isolates of a process, which miniflare takes from here. By default an isolate's young
 * generation grows to 48 MB before much of it is collected: a dozen isolates then grow for half an hour. The kernels'
 * memory is not V8's, and requests leave little behind.
 */
const V8_FLAGS_VARIABLE = 'MINIFLARE_WORKERD_V8_FLAGS';
const YOUNG_MB = 2;

/** Starts workerd; await `ready` and, at the end, `dispose`. Slow to import, hence only when used. */
export async function createMiniflare(
  options: V4MiniflareOptions,
  verbose = false,
): Promise<Miniflare> {
  const { convertV4MiniflareOptions, Log, LogLevel, Miniflare } =
    await importTool<MiniflareModule>('miniflare');
  watchRuntimes(await toolFolder('miniflare'));
  process.env[V8_FLAGS_VARIABLE] ??= `--max-semi-space-size=${YOUNG_MB}`;
  const before = SIGNALS.map((name) => new Set(process.listeners(name)));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      log: new Log(verbose ? LogLevel.INFO : LogLevel.NONE),
      telemetry: { enabled: false },
      // The `cf` object of a request would be fetched from the network.
      cf: false,
      ...options,
    }),
  );
  // Miniflare ends the process on a signal, in the middle of our clean-ups (lib/interrupt.ts); it
  // still kills workerd when the process exits.
  SIGNALS.forEach((name, i) => {
    for (const listener of process.listeners(name)) {
      if (before[i]?.has(listener) !== true) process.off(name, listener);
    }
  });
  return miniflare;
}
