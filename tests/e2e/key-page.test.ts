/** The pages of a server with keys: they ask for one, and keep it for their tab only. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer } from '../support/http-server.ts';
import type { TestServer } from '../support/http-server.ts';
import { makeKey } from '../support/keys.ts';
import { findBrowser } from '../support/needs.ts';

const browser = await findBrowser();

describe.skipIf(browser === null)('pages and keys', () => {
  let server: TestServer;
  beforeAll(async () => {
    // own server: it asks for keys.
    server = await startTestServer({ vars: { ACCESS: 'keys' } });
  });
  afterAll(async () => {
    await browser?.close();
    await server.close();
  });

  test('a key is asked for until it is right, and answers come with it', async () => {
    const { key } = await makeKey(server);
    const tab = await browser!.newPage();
    await tab.goto(`${server.url}/`);
    await tab.locator('#key').fill('thk_wrong');
    await tab.keyboard.press('Enter');
    await tab.getByText('does not take this key').waitFor();
    await tab.locator('#key').fill(key);
    await tab.keyboard.press('Enter');
    await tab.locator('#model option').waitFor({ state: 'attached' });
    await tab.locator('#text').fill('Once upon a time');
    await tab.keyboard.press('Enter');
    await tab.locator('article.assistant:not(.streaming)').waitFor();
    const kept: unknown = await tab.evaluate('[{ ...localStorage }, document.cookie]');
    expect(kept).toEqual([{}, '']);
    // The reference is another page of the tab.
    await tab.goto(`${server.url}/docs`);
    await tab.locator('body[data-drawn]').waitFor();
    // Commands name the variable that holds the key, and never the key.
    const command = await tab.locator('pre.example').first().textContent();
    expect(command).toMatch(/^curl -H "authorization: Bearer \$THIMBLE_KEY" /);
    expect(await tab.content()).not.toContain(key);
    const other = await browser!.newPage();
    await other.goto(`${server.url}/`);
    await other.locator('#key').waitFor();
  });
});
