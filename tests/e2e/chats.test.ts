/** Conversations of the chat page: kept, continued, shown as Markdown, asked again after a failure. */
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { shareTestServer } from '../support/http-server.ts';
import type { SharedServer } from '../support/http-server.ts';
import { findBrowser } from '../support/needs.ts';

const ASKED = '**/v1/chat/completions';
const TALL = ['# Title', '', '| a | b |', '| - | - |', '| 1 | **2** |', ''].join('\n');
const CODE = 'const less = 1 < 2 && "&amp;";';
const UNSAFE =
  '<img src=x onerror="window.wasRun = 1"> [bad](javascript:window.wasRun=1) [good](https://example.com/)';

const browser = await findBrowser();

describe.skipIf(browser === null)('chats of the page', () => {
  let server: SharedServer;
  let context: BrowserContext;
  let page: Page;
  const errors: string[] = [];
  beforeAll(async () => {
    server = await shareTestServer();
    context = await browser!.newContext();
    page = await context.newPage();
    page.on('pageerror', (error) => errors.push(error.message));
  });
  afterAll(async () => {
    await browser?.close();
    await server.close();
  });
  beforeEach(async () => {
    await page.goto(server.url);
    await page.evaluate('localStorage.clear()');
    await page.reload();
    await page.locator('#model option').waitFor({ state: 'attached' });
  });
  afterEach(async () => {
    await page.unroute(ASKED);
    expect(errors).toEqual([]);
  });

  async function ask(question: string): Promise<void> {
    const asked = await page.locator('article.user').count();
    await page.locator('#text').fill(question);
    await page.keyboard.press('Enter');
    await page.locator('article.user').nth(asked).waitFor();
    await page.locator('#send').waitFor();
  }
  const answers = () => page.locator('article.assistant .markdown').allTextContents();
  const kept = () => page.evaluate<Record<string, string>>('({ ...localStorage })');
  /** A chat that the server keeps, with `markdown` as an answer, is the page's current one. */
  async function openWith(markdown: string): Promise<void> {
    const id = `markdown-${crypto.randomUUID()}`;
    const response = await server.post('/v1/chat/completions', {
      session: id,
      max_tokens: 4,
      messages: [
        { role: 'user', content: 'Write.' },
        { role: 'assistant', content: markdown },
        { role: 'user', content: 'More.' },
      ],
    });
    expect(response.status).toBe(200);
    const chat = { id, title: 'Write.', isOnServer: true, messages: [] };
    await page.evaluate(
      (value) =>
        (globalThis as unknown as { localStorage: Storage }).localStorage.setItem(
          'thimble-chats',
          value,
        ),
      JSON.stringify({ currentId: id, chats: [chat] }),
    );
    await page.reload();
    await page.locator('article.user').nth(1).waitFor();
  }

  test('a chat is there after a reload, and goes on past the end of the context', async () => {
    await ask('Once upon a time there was a dog.');
    const first = await answers();
    expect(first[0]).toMatch(/\w+ \w+/);
    await page.reload();
    await page.locator('article.assistant').waitFor();
    expect(await answers()).toEqual(first);
    expect(await page.locator('article.user').allTextContents()).toEqual([
      'Once upon a time there was a dog.',
    ]);
    const leftOut = page.getByText('oldest messages left out');
    for (let turn = 0; turn < 6 && (await leftOut.count()) === 0; turn++) {
      await ask('Then the dog went to the park and met a cat.');
      expect(await page.locator('[role="alert"]').count()).toBe(0);
    }
    expect(await leftOut.count()).toBe(1);
  });

  test('chats are listed, opened and deleted, on the server, too', async () => {
    await ask('A red ball.');
    await page.locator('#new').click();
    expect(await page.locator('article').count()).toBe(0);
    await ask('A blue boat.');
    expect(await page.locator('#chats option').allTextContents()).toEqual([
      'A blue boat.',
      'A red ball.',
    ]);
    await page.locator('#chats').selectOption('A red ball.');
    await page.locator('article.assistant').waitFor();
    expect(await page.locator('article.user').allTextContents()).toEqual(['A red ball.']);
    const id = await page.locator('#chats').inputValue();
    expect((await fetch(`${server.url}/v1/sessions/${id}`)).status).toBe(200);
    await page.locator('#delete').click();
    await page.locator('#chats option:text-is("New chat")').waitFor({ state: 'attached' });
    expect((await fetch(`${server.url}/v1/sessions/${id}`)).status).toBe(404);
  });

  test('an answer is rated, rated otherwise, and the rating is taken back', async () => {
    await ask('A white goat.');
    await ask('And a black one.');
    const id = await page.locator('#chats').inputValue();
    const ratings = async (): Promise<string> => {
      const { feedback } = await (
        await fetch(`${server.url}/v1/sessions/${id}`)
      ).json<{
        feedback: readonly { readonly turn: number; readonly rating: string }[];
      }>();
      return feedback.map(({ turn, rating }) => `${turn} ${rating}`).join();
    };
    const button = (name: string, turn: number) =>
      page.getByRole('button', { name, exact: true }).nth(turn - 1);
    const pressed = (turn: number) =>
      Promise.all(
        ['Good answer', 'Bad answer'].map((name) =>
          button(name, turn).getAttribute('aria-pressed'),
        ),
      );
    await button('Good answer', 2).click();
    await expect.poll(ratings).toBe('2 up');
    await expect.poll(() => pressed(2)).toEqual(['true', 'false']);
    await button('Bad answer', 2).click();
    await expect.poll(ratings).toBe('2 down');
    await button('Bad answer', 1).click();
    await expect.poll(ratings).toBe('1 down,2 down');
    // After a reload the session says what was rated.
    await page.reload();
    await page.locator('article.assistant').nth(1).waitFor();
    expect([await pressed(1), await pressed(2)]).toEqual([
      ['false', 'true'],
      ['false', 'true'],
    ]);
    await button('Bad answer', 1).click();
    await expect.poll(ratings).toBe('2 down');
    await expect.poll(() => pressed(1)).toEqual(['false', 'false']);
    // What the server does not take is told, and the buttons show what it has.
    await page.route('**/feedback', (route) => route.abort());
    await button('Good answer', 2).click();
    await page.locator('[role="alert"]').waitFor();
    expect(await pressed(2)).toEqual(['false', 'true']);
    await page.unroute('**/feedback');
  });

  test('without the server, this browser keeps the chat', async () => {
    await page.locator('#memory').uncheck();
    const sessions: (string | undefined)[] = [];
    page.on('request', (request) => {
      if (request.method() !== 'POST') return;
      sessions.push((request.postDataJSON() as { readonly session?: string }).session);
    });
    await ask('A green hat.');
    const first = await answers();
    await page.reload();
    await page.locator('article.assistant').waitFor();
    expect(await answers()).toEqual(first);
    expect(await page.locator('#memory').isChecked()).toBe(false);
    expect(sessions).toEqual([undefined]);
    expect(await page.getByRole('button', { name: 'Good answer' }).count()).toBe(0);
  });

  test('what was typed survives a reload', async () => {
    await page.locator('#text').fill('Half a sente');
    await page.reload();
    await page.locator('#model option').waitFor({ state: 'attached' });
    expect(await page.locator('#text').inputValue()).toBe('Half a sente');
    await ask('A whole sentence.');
    expect(await kept()).not.toHaveProperty('thimble-draft');
  });

  test('a failed request gives the text back and can be asked again', async () => {
    await page.route(ASKED, (route) => route.abort());
    await ask('A small fish.');
    await page.locator('[role="alert"]').waitFor();
    expect(await page.locator('#text').inputValue()).toBe('A small fish.');
    await page.unroute(ASKED);
    await page.getByRole('button', { name: 'Retry' }).click();
    await page.locator('article.assistant footer').waitFor();
    expect(await page.locator('article.user').allTextContents()).toEqual(['A small fish.']);
    expect(await page.locator('[role="alert"]').count()).toBe(0);
    expect(await page.locator('#text').inputValue()).toBe('');
  });

  test('a stream that ends early is told, and can be asked again', async () => {
    await page.route(ASKED, async (route) => {
      const response = await route.fetch();
      const body = await response.text();
      await route.fulfill({ response, body: body.slice(0, body.length / 2) });
    });
    await ask('A long road.');
    expect(await page.locator('[role="alert"]').textContent()).toContain(
      'the connection ended before it was complete',
    );
    expect((await answers())[0]).toMatch(/\w/);
    expect(await page.getByRole('button', { name: 'Retry' }).count()).toBe(1);
  });

  test.each([
    ['length', 'reached the length limit'],
    ['content_filter', 'content policy'],
  ])('an answer cut by %s says so', async (reason, said) => {
    let wasCut = false;
    await page.route(ASKED, async (route) => {
      const asked = route.request().postDataJSON() as object;
      const response = await route.fetch({ postData: { ...asked, max_tokens: 6 } });
      const body = await response.text();
      wasCut = body.includes('"finish_reason":"length"');
      await route.fulfill({ response, body: body.replaceAll('"length"', `"${reason}"`) });
    });
    await ask('Once upon a time');
    expect(wasCut).toBe(true);
    expect(await page.locator('.note').textContent()).toContain(said);
  });

  test('an answer that is stopped says so, and the text is there again', async () => {
    await page.locator('#text').fill('Once upon a time');
    await page.keyboard.press('Enter');
    // Stopped before the first token or after it: both are told.
    await page.keyboard.press('Escape');
    await page.getByText('Stopped by you.').waitFor();
    expect(await page.locator('#text').inputValue()).toBe('Once upon a time');
  });

  test('Markdown is shown as elements, and code can be copied', async () => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await openWith(`${TALL}\n\`\`\`js\n${CODE}\n\`\`\`\n\n1. one\n2. two\n`);
    const shown = page.locator('.markdown').first();
    expect(await shown.locator('h2').textContent()).toBe('Title');
    expect(await shown.locator('td strong').textContent()).toBe('2');
    expect(await shown.locator('ol li').allTextContents()).toEqual(['one', 'two']);
    expect(await shown.locator('pre code').textContent()).toBe(CODE);
    await shown.getByRole('button', { name: 'Copy code' }).click();
    await shown.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(CODE);
  });

  test('HTML in an answer stays text, and links run nothing', async () => {
    await openWith(UNSAFE);
    const shown = page.locator('.markdown').first();
    expect(await shown.textContent()).toContain('<img src=x onerror=');
    expect(await page.locator('#log img').count()).toBe(0);
    const links = await shown.locator('a').count();
    expect(links).toBe(1);
    expect(await shown.locator('a').getAttribute('href')).toBe('https://example.com/');
    expect(await page.evaluate('window.wasRun')).toBeUndefined();
  });

  test('Talk says what it needs before anybody speaks', async () => {
    const talk = page.locator('#talk');
    await talk.waitFor();
    expect(await talk.getAttribute('title')).toContain('Talk needs: A recognition model');
    await talk.click();
    await page.locator('#needs').waitFor();
    const needs = await page.locator('#needs').textContent();
    expect(needs).toContain('thimble push whisper-tiny.en');
    expect(needs).toContain('thimble push silero-vad');
  });
});
