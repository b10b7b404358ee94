/** Both pages under axe-core, in both colour schemes, on a screen and on a phone; and how wide they get. */
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shareTestServer } from '../support/http-server.ts';
import type { SharedServer } from '../support/http-server.ts';
import { findBrowser } from '../support/needs.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Runs in the page: the findings, each with the elements it is about. */
const FINDINGS = `axe.run().then(({ violations }) =>
  violations.map(({ id, nodes }) => [id, nodes.slice(0, 3).map(({ html }) => html)]))`;
const EXCESS_PX = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
const MARKDOWN =
  '# A\n\n> b `c`\n\n- [d](https://example.com/)\n\n| e | f |\n| - | - |\n| 1 | 2 |\n\n```js\ng();\n```\n';

const LOOKS = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [1280, 375].map((width): [typeof colorScheme, number] => [colorScheme, width]),
);

const browser = await findBrowser();

describe.skipIf(browser === null)('pages for everybody', () => {
  let server: SharedServer;
  let page: Page;
  beforeAll(async () => {
    server = await shareTestServer();
    page = await browser!.newPage();
  });
  afterAll(async () => {
    await browser?.close();
    await server.close();
  });

  async function findings(): Promise<unknown> {
    await page.evaluate(AXE);
    return page.evaluate(FINDINGS);
  }

  test('axe finds what is wrong', async () => {
    await page.setContent('<html><body><img src="data:,"><button></button></body></html>');
    expect(JSON.stringify(await findings())).toMatch(/image-alt.*html-has-lang|button-name/);
  });

  test.each(LOOKS)('the chat page, %s, %i px', async (colorScheme, width) => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    const id = `axe-${colorScheme}-${width}`;
    const response = await server.post('/v1/chat/completions', {
      session: id,
      max_tokens: 8,
      messages: [
        { role: 'user', content: 'Show all.' },
        { role: 'assistant', content: MARKDOWN },
        { role: 'user', content: 'Thanks.' },
      ],
    });
    expect(response.status).toBe(200);
    await page.goto(server.url);
    const chat = { id, title: 'Show all.', isOnServer: true, messages: [] };
    const kept = JSON.stringify({ currentId: id, chats: [chat] });
    await page.evaluate(`localStorage.setItem('thimble-chats', ${JSON.stringify(kept)})`);
    await page.reload();
    await page.locator('.markdown table').waitFor();
    await page.locator('#talk').click();
    await page.locator('#needs').waitFor();
    // An error with its button is part of the page, too.
    await page.route('**/v1/chat/completions', (route) => route.abort());
    await page.locator('#text').fill('Fails.');
    await page.keyboard.press('Enter');
    await page.locator('.error button').waitFor();
    await page.unroute('**/v1/chat/completions');
    expect(await findings()).toEqual([]);
    expect(await page.evaluate(EXCESS_PX)).toBe(0);
  });

  test.each(LOOKS)('the reference, %s, %i px', async (colorScheme, width) => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    await page.goto(`${server.url}/docs`);
    await page.locator('body[data-drawn]').waitFor();
    await page.evaluate(`for (const one of document.querySelectorAll('details')) one.open = true`);
    expect(await findings()).toEqual([]);
    expect(await page.evaluate(EXCESS_PX)).toBe(0);
  });
});
