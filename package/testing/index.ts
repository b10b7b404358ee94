/**
 * `thimble/testing`: a real server for tests, in workerd, with the scripts that deploy and stories260K, a language
 * model of one megabyte. In the folder of a project (`thimble init`) the project's own Worker answers.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from '../../scripts/build/build.ts';
import { startServer, waitUntilReady } from '../../scripts/dev/server.ts';
import { importEmbedded } from '../../scripts/dev/embedded.ts';
import { modelsBucketName, obtainModel } from '../../scripts/dev/prepare.ts';
import { modelsDir } from '../../scripts/lib/paths.ts';
import { openLocalBucket } from '../../scripts/push/local-bucket.ts';
import { pushModel } from '../../scripts/push/push.ts';

/** Id of the model that every test server has. */
export const TEST_MODEL = 'stories260k';

export interface TestServerOptions {
  /** Further models, pulled and imported when they are missing; the first text model becomes the default. */
  readonly models?: readonly string[];
  /** Values of variables that the Worker's wrangler.toml has, such as `{ ACCESS: 'keys' }`. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Called with each line that the Workers log. */
  readonly onLog?: (line: string) => void;
}

export interface TestServer {
  /** `http://127.0.0.1:40123`, without a slash at the end. */
  readonly url: string;
  /** As `fetch`, with a path of the server: `/v1/models`. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Stops it, and deletes what it has stored. */
  close(): Promise<void>;
}

const READY_TIMEOUT_MS = 120_000;

/**
 * Starts a server on a free port with storage of its own. It asks for no keys unless `vars` say so.
 * @throws an error with a `code`: E_BACKEND_UNAVAILABLE when workerd does not start, E_SOURCE_UNAVAILABLE
 */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { models = [], vars = {}, onLog } = options;
  await build();
  const root = await mkdtemp(join(tmpdir(), 'thimble-testing-'));
  const drop = () => rm(root, { recursive: true, force: true });
  try {
    const persist = join(root, 'state');
    const imported = join(root, 'models');
    await importEmbedded(TEST_MODEL, imported);
    let defaultModel: string = TEST_MODEL;
    const bucket = await openLocalBucket(modelsBucketName(), persist);
    try {
      await pushModel(TEST_MODEL, { bucket, modelsRoot: imported });
      for (const id of models) {
        const { kind } = await obtainModel(id);
        if (kind === 'decoder' && defaultModel === TEST_MODEL) defaultModel = id;
        await pushModel(id, { bucket, modelsRoot: modelsDir() });
      }
    } finally {
      await bucket.close();
    }
    const server = await startServer({
      ...{ port: 0, host: '127.0.0.1', persist },
      vars: { DEFAULT_MODEL: defaultModel, ...vars },
      ...(onLog === undefined ? {} : { onLog, verbose: true }),
    });
    await waitUntilReady(server.url, READY_TIMEOUT_MS).catch(async (error: unknown) => {
      await server.close();
      throw error;
    });
    return {
      url: server.url,
      fetch: (path, init) => fetch(new URL(path, server.url), init),
      async close() {
        await server.close();
        await drop();
      },
    };
  } catch (error) {
    await drop();
    throw error;
  }
}
