/** A server of a bench's own: the models it needs in an R2 that nothing else uses. */
import { build } from '../build/build.ts';
import { pushStep } from '../dev/prepare.ts';
import { startServer } from '../dev/server.ts';
import type { RunningServer, ServerOptions } from '../dev/server.ts';
import { withTemporaryFolder } from '../lib/temporary-folder.ts';

export interface BenchServerOptions extends Pick<ServerOptions, 'vars' | 'inspectorPort'> {
  /** Ids of imported models. */
  readonly models: readonly string[];
  /**
   * Adds what else R2 has to have, before the server starts.
   * @param persist folder of its state @returns variables that follow from it
   */
  readonly prepare?: (persist: string) => Promise<ServerOptions['vars']>;
}

export interface BenchServer {
  readonly server: RunningServer;
  /** A new server over the same R2, with nothing in memory; the former one is closed. */
  readonly restart: () => Promise<RunningServer>;
}

/** Runs `work` with a server in workerd, and closes it after. */
export async function withBenchServer<T>(
  { models, prepare, vars, ...options }: BenchServerOptions,
  work: (bench: BenchServer) => Promise<T>,
): Promise<T> {
  await build();
  return await withTemporaryFolder('bench', async (persist) => {
    for (const id of models) await pushStep(id, persist);
    const more = await prepare?.(persist);
    const given = { ...vars, ...more };
    const start = () =>
      startServer({ port: 0, host: '127.0.0.1', persist, vars: given, ...options });
    let server = await start();
    const restart = async () => {
      await server.close();
      server = await start();
      return server;
    };
    try {
      return await work({ server, restart });
    } finally {
      await server.close();
    }
  });
}
