/** The chat page's microphone: a recorded clip is spoken into it, and an answer is heard. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium } from '../../scripts/lib/chromium.ts';
import { startTestServer } from '../support/http-server.ts';
import type { TestServer } from '../support/http-server.ts';
import { jfkPath } from '../support/recordings.ts';

const JFK = jfkPath();
let browser: Browser | null = null;
if (JFK !== null)
  browser = await launchChromium([
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
    `--use-file-for-fake-audio-capture=${JFK}%noloop`,
    '--autoplay-policy=no-user-gesture-required',
  ]).catch((error: unknown) => {
    // Told here, because a skipped test cannot say why.
    console.warn(`the page's microphone is not tested: ${String(error)}`);
    return null;
  });

describe.skipIf(browser === null)('talking with the page', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      models: ['whisper-tiny.en'],
      onnx: ['silero-vad', 'piper-en-us-joe'],
    });
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server.close();
  });

  test('what is spoken becomes a question, and the answer is spoken', async () => {
    const page = await browser!.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    const spoken: number[] = [];
    page.on('response', (response) => {
      if (response.url().endsWith('/v1/audio/speech')) spoken.push(response.status());
    });
    await page.goto(`${server.url}/`);
    await page.locator('#talk').click();
    const question = page.locator('article.user');
    await question.waitFor({ timeout: 60_000 });
    expect(await question.textContent()).toMatch(/and so,? my fellow/i);
    const answer = page.locator('article.assistant[data-spoken-seconds]');
    await answer.waitFor({ timeout: 120_000 });
    expect(await answer.textContent()).toMatch(/\w+ \w+/);
    // The samples went to the sound card: the page counts what it has played.
    expect(Number(await answer.getAttribute('data-spoken-seconds'))).toBeGreaterThan(0.3);
    expect(spoken.every((status) => status === 200)).toBe(true);
    expect(spoken.length).toBeGreaterThan(0);
    // It goes on for as long as the story does.
    await page.keyboard.press('Escape');
    await page.locator('#send').waitFor();
    expect(errors).toEqual([]);
  }, 240_000);
});
