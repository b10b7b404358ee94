/** A headless Chromium for benches and page tests: the one from npm, or CHROMIUM's path. */
import { EngineError } from '../../engine/base/errors.ts';
import type { Browser } from 'playwright-core';

/** Without the background flags a start waits for hosts that may not be reachable. */
const QUIET = [
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
];

/**
 * @param more flags of Chromium's own
 * @throws {EngineError} E_BACKEND_UNAVAILABLE when the development packages are missing or it does not start.
 */
export async function launchChromium(more: readonly string[] = []): Promise<Browser> {
  try {
    const { chromium } = await import('playwright-core');
    const own = process.env['CHROMIUM'];
    if (own !== undefined)
      return await chromium.launch({
        executablePath: own,
        args: ['--no-sandbox', ...QUIET, ...more],
      });
    const { default: packaged } = await import('@sparticuz/chromium');
    return await chromium.launch({
      executablePath: await packaged.executablePath(),
      args: [...packaged.args, ...QUIET, ...more],
    });
  } catch (cause) {
    throw new EngineError(
      'E_BACKEND_UNAVAILABLE',
      `chromium: does not start (${String(cause).split('\n')[0]}). Install the development packages, or set CHROMIUM to a browser's path.`,
      { cause },
    );
  }
}
