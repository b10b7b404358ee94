/**
 * The chat page's microphone: a recorded clip is spoken into it, and an answer is heard.
 * @module-tag slow
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shareTestServer } from '../support/http-server.ts';
import type { SharedServer } from '../support/http-server.ts';
import { findBrowser, findModelFile, findRecording } from '../support/needs.ts';

const JFK = findRecording();
const MODELS = ['whisper-tiny.en', 'silero-vad', 'piper-en-us-joe'];
const isReady = JFK !== null && MODELS.map(findModelFile).every((path) => path !== null);
const browser = isReady
  ? await findBrowser([
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      `--use-file-for-fake-audio-capture=${JFK}%noloop`,
      '--autoplay-policy=no-user-gesture-required',
    ])
  : null;

describe.skipIf(browser === null)('talking with the page', () => {
  let server: SharedServer;
  beforeAll(async () => {
    server = await shareTestServer(MODELS);
  });
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
