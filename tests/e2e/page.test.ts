/** The chat page in a real browser: load it, send a message, watch the answer stream in. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer } from '../support/http-server.ts';
import type { TestServer } from '../support/http-server.ts';
import { findBrowser } from '../support/needs.ts';

/** Runs in the page: notes the answer's length whenever it changes. */
const WATCH_ANSWER = `
  window.seenLengths = [];
  new MutationObserver(() => {
    const length = document.querySelector('article.assistant')?.textContent.length ?? 0;
    if (length > (seenLengths.at(-1) ?? 0)) seenLengths.push(length);
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
`;

const browser = await findBrowser();

describe.skipIf(browser === null)('the chat page', () => {
  let server: TestServer;
  let page: Page;
  const errors: string[] = [];
  beforeAll(async () => {
    // own server: its model is taken away.
    server = await startTestServer();
    page = await browser!.newPage();
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('requestfailed', (request) => errors.push(`${request.url()} failed`));
    await page.goto(`${server.url}/`);
  });
  afterAll(async () => {
    await browser?.close();
    await server.close();
  });

  test('takes everything it needs from its own server', () => {
    expect(errors).toEqual([]);
  });

  test('a message is answered, and the answer grows while it is made', async () => {
    await page.evaluate(WATCH_ANSWER);
    await page.locator('#text').fill('Once upon a time');
    await page.keyboard.press('Enter');
    await page.locator('article.assistant:not(.streaming)').waitFor();
    const lengths: number[] = await page.evaluate('seenLengths');
    expect(lengths.length).toBeGreaterThan(10);
    expect([...lengths].sort((a, b) => a - b)).toEqual(lengths);
    expect(await page.locator('article.assistant').textContent()).toMatch(/\w+ \w+ \w+/);
    expect(errors).toEqual([]);
  });

  test('a model that goes away is told in the page', async () => {
    await server.bucket.delete('models/stories260k/manifest.json');
    await page.reload();
    await page.locator('[role="alert"]').waitFor();
    expect(await page.locator('[role="alert"]').textContent()).toContain('no model');
  });
});
