/**
 * The development server: miniflare with the bundles that deploy and the bindings of their
 * wrangler.toml files, R2 and Durable Objects kept on this disk between runs.
 */
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import type { Miniflare, V4MiniflareOptions } from 'miniflare';
import { EngineError } from '../../engine/base/errors.ts';
import { DEFAULT_ISOLATES } from '../../engine/placement/changes.ts';
import { withPool } from '../build/pool.ts';
import { GATEWAY, loadWorkerConfigs } from '../build/workers.ts';
import type { WorkerConfig } from '../build/workers.ts';
import type { Trainer } from '../finetune/jobs/trainer.ts';
import { createMiniflare } from '../lib/miniflare.ts';
import { repoRoot, stateDir } from '../lib/paths.ts';
import { findProject } from '../lib/project.ts';

export interface ServerOptions {
  /** 0 chooses any free port. */
  readonly port: number;
  readonly host: string;
  /** Variables that override those of the wrangler.toml files, for every script that has them. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Folder of R2 and Durable Objects; the user's state folder by default. */
  readonly persist?: string;
  readonly inspectorPort?: number;
  /** Stages in the pool. */
  readonly nIsolate?: number;
  /** What the Workers log; warnings and errors only, unless `verbose`. */
  readonly onLog?: (line: string) => void;
  readonly verbose?: boolean;
  /** JavaScript that replaces a script's bundle, by script; its modules stay (tests). */
  readonly sources?: Readonly<Record<string, string>>;
  /** What trains for the gateway; jobs are refused without it. */
  readonly trainer?: Pick<Trainer, 'token' | 'handle'>;
}

export interface RunningServer {
  /** `http://127.0.0.1:8787` */
  readonly url: string;
  /** Address of the inspector proxy; null without `inspectorPort`. */
  readonly inspectorUrl: string | null;
  close(): Promise<void>;
}

const INNER_HOST = '127.0.0.1';
/** Everyone on this machine may ask. */
const LOCAL_VARS = { ACCESS: 'local' };

/** Time between two requests of /readyz. */
const READY_POLL_MS = 50;

/**
 * @throws {EngineError} E_USAGE when the port is taken; E_BACKEND_UNAVAILABLE when workerd does not
 * start.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host, port } = options;
  if (port !== 0) await requireFreePort(port, host);
  const configs = withPool(loadWorkerConfigs(), options.nIsolate ?? DEFAULT_ISOLATES);
  // Miniflare sends requests from outside to its first Worker.
  const gateway = configs.find(({ name }) => name === GATEWAY);
  if (gateway === undefined)
    throw new EngineError(
      'E_INTERNAL',
      'dev: dist/workers.json lacks the gateway. Run: npm run build -- --force',
    );
  const ordered = [gateway, ...configs.filter((config) => config !== gateway)];
  const verbose = options.verbose === true;
  const miniflare = await createMiniflare(
    {
      // Miniflare's own door, which reads headers (MF-...) and addresses (/cdn-cgi/local/...) of its own, is not
      // the one that is told to anybody.
      host: INNER_HOST,
      port: 0,
      ...(options.inspectorPort === undefined ? {} : { inspectorPort: options.inspectorPort }),
      resourcePersistencePath: options.persist ?? stateDir(),
      handleStructuredLogs: ({ level, message }: { level: string; message: string }) => {
        if (verbose || level === 'warn' || level === 'error') {
          options.onLog?.(`${level}: ${message}`);
        }
      },
      workers: ordered.map((config): object => ({
        ...workerOptions(config, options),
        ...(config === gateway ? { unsafeDirectSockets: [{ host, port }] } : {}),
      })),
    } as V4MiniflareOptions,
    verbose,
  );
  try {
    await miniflare.ready;
    const ready = await miniflare.unsafeGetDirectURL(gateway.scriptName);
    const inspectorUrl =
      options.inspectorPort === undefined ? null : (await miniflare.getInspectorURL()).href;
    const url = serverUrl(ready, host);
    return { url, inspectorUrl, close: () => miniflare.dispose() };
  } catch (cause) {
    await disposeQuietly(miniflare);
    throw new EngineError(
      'E_BACKEND_UNAVAILABLE',
      `dev: workerd did not start (${String(cause)}). Run: thimble doctor`,
      { cause },
    );
  }
}

/** What a file beside the bundle is imported as, as wrangler's own rules have it. */
const MODULE_TYPES = [
  ['.wasm', 'CompiledWasm'],
  ['.bin', 'Data'],
] as const;

function workerOptions(
  config: WorkerConfig,
  { vars = {}, sources = {}, trainer }: ServerOptions,
): object {
  const contents = sources[config.name];
  const main = resolve(repoRoot, config.main);
  const root = dirname(main);
  const names = readdirSync(root);
  const modules = MODULE_TYPES.flatMap(([ending, type]) =>
    names.filter((name) => name.endsWith(ending)).map((name) => ({ type, path: join(root, name) })),
  );
  const bindings = { ...(config.options['bindings'] as Record<string, unknown> | undefined) };
  for (const [name, value] of Object.entries({ ...LOCAL_VARS, ...vars }))
    if (name in bindings) bindings[name] = value;
  const isTrained = trainer !== undefined && config.name === GATEWAY;
  if (isTrained) bindings['TRAINER_TOKEN'] = trainer.token;
  return {
    ...config.options,
    ...(isTrained ? { serviceBindings: withTrainer(config, trainer) } : {}),
    name: config.scriptName,
    bindings,
    modulesRoot: root,
    modules: [
      { type: 'ESModule', path: main, ...(contents === undefined ? {} : { contents }) },
      ...modules,
    ],
  };
}

/** The bindings of a script to others, and one to a function of this process. */
function withTrainer({ options }: WorkerConfig, trainer: Pick<Trainer, 'handle'>): object {
  const handler = (request: Request): Promise<Response> => trainer.handle(request);
  return { ...(options['serviceBindings'] as object | undefined), TRAINER: handler };
}

/** A server can listen on 0.0.0.0, but a browser cannot open it. */
function serverUrl(ready: { readonly port: string }, host: string): string {
  const shown = host === '0.0.0.0' || host === '::' || host === '*' ? '127.0.0.1' : host;
  return `http://${shown.includes(':') ? `[${shown}]` : shown}:${ready.port}`;
}

async function disposeQuietly(miniflare: Miniflare): Promise<void> {
  await miniflare.dispose().catch(() => undefined);
}

/** @throws {EngineError} E_USAGE naming the port and a free one. */
export async function requireFreePort(port: number, host: string): Promise<void> {
  const failure = await tryListen(port, host);
  if (failure === null) return;
  if (failure === 'EADDRINUSE') {
    throw new EngineError(
      'E_USAGE',
      `dev: port ${port} on ${host} is in use. Stop the program that uses it, or serve on another: thimble dev --port ${port + 1}`,
      { details: { port, host } },
    );
  }
  throw new EngineError(
    'E_USAGE',
    `dev: cannot listen on ${host} port ${port} (${failure}). Choose another with --port or --host.`,
    { details: { port, host, systemCode: failure } },
  );
}

/** Null when the port can be listened on, else the system's error code. */
export function tryListen(port: number, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}

/**
 * Waits until `/readyz`, where Thimble is mounted, answers 200.
 * @throws {EngineError} E_BACKEND_UNAVAILABLE with the last answer when `timeoutMs` is over.
 */
export async function waitUntilReady(url: string, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const project = findProject();
  let last = 'no answer';
  while (performance.now() < deadline) {
    try {
      const remainingMs = Math.max(1, Math.ceil(deadline - performance.now()));
      const response = await fetch(`${url}${project?.mount ?? ''}/readyz`, {
        signal: AbortSignal.timeout(remainingMs),
      });
      last = `${response.status} ${(await response.text()).slice(0, 500)}`;
      if (response.status === 200) return;
      // A Worker of one's own may let nobody ask that: it runs.
      if (project !== null && response.status < 500) return;
      // Waiting does not help after a refusal (wrong hash, no memory).
      if (response.status < 500 || response.status === 507) break;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
  throw new EngineError(
    'E_BACKEND_UNAVAILABLE',
    `dev: the server does not become ready; the last answer of /readyz was: ${last}`,
    { details: { last } },
  );
}
