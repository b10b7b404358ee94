/** Tests run in Node; those that need workerd start it themselves, as the development server does. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/global-setup.ts'],
    testTimeout: 20_000,
    hookTimeout: 120_000,
    // A machine of two cores runs a server, a browser and an engine beside the tests.
    maxWorkers: 2,
  },
});
