/** Tests run in Node; those that need workerd start it themselves, as the development server does. */
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './tests/support/run/longest-first.ts';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
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
  },
});
