/** Tests run in Node; those that need workerd start it themselves, as the development server does. */
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './tests/support/run/longest-first.ts';

/**
 * Folders whose tests compute and keep nothing: no variables of the environment, spies, servers or engines. Their
 * files share a worker; starting one takes longer than most of them do.
 */
const PLAIN = [
  ...['audio', 'base', 'cache', 'formats', 'kernels', 'manifest', 'onnx', 'ops', 'quant', 'sample'],
  ...['text', 'vision', 'voice', 'worker/http', 'worker/platform', 'worker/serving'],
].map((folder) => `tests/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    globalSetup: ['tests/global-setup.ts'],
    // No test judges a time, and the machine may have other things to do.
    testTimeout: 120_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 15_000 } },
    // A machine of two cores runs a server, a browser and an engine beside the tests.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    tags: [
      { name: 'slow', description: 'Minutes of computing on real models, or many processes.' },
    ],
    projects: [
      { extends: true, test: { name: 'own', include: ['tests/**/*.test.ts'], exclude: PLAIN } },
      { extends: true, test: { name: 'plain', include: PLAIN, isolate: false } },
    ],
  },
});
