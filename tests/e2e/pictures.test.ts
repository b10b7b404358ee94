/** Pictures on the chat page: chosen, dropped and pasted, shown before they are sent, and answered. */
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { shareTestServer } from '../support/http-server.ts';
import type { SharedServer } from '../support/http-server.ts';
import { findBrowser, findModelFile } from '../support/needs.ts';

const OCR = 'pp-ocr-v4';
const MODEL = 'smollm2-135m-instruct';
const SIGN = join(repoRoot, 'tests/golden/sign-picture.jpg');

/** A camera that films a moving figure, and a page that may use it. */
const CAMERA = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
const browser = await findBrowser(CAMERA);
const isReady = browser !== null && [OCR, MODEL].every((id) => findModelFile(id) !== null);

describe.skipIf(!isReady)('pictures on the page', () => {
  let server: SharedServer;
  let page: Page;
  const errors: string[] = [];
  beforeAll(async () => {
    server = await shareTestServer([OCR, MODEL]);
    page = await browser!.newPage();
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(server.url);
    await page.locator(`#model option[value="${MODEL}"]`).waitFor({ state: 'attached' });
    await page.locator('#model').selectOption(MODEL);
  });
  afterAll(async () => {
    await browser?.close();
    await server.close();
  });

  /** As a drop or a paste: a file of this type and content. */
  const give = (kind: 'drop' | 'paste', type: string) =>
    page.evaluate(
      `(() => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(8)], 'a.bin', { type: ${JSON.stringify(type)} }));
        const init = { bubbles: true, cancelable: true };
        const event = ${JSON.stringify(kind)} === 'drop'
          ? new DragEvent('drop', { ...init, dataTransfer: data })
          : new ClipboardEvent('paste', { ...init, clipboardData: data });
        document.querySelector('#text').dispatchEvent(event);
      })()`,
    );

  test('one that is chosen is shown, sent and answered', async () => {
    await page.locator('#picture-input').setInputFiles(SIGN);
    await page.locator('#pictures img[alt="sign-picture.jpg"]').waitFor();
    await page.locator('#text').fill('What is the name of the cafe?');
    const sent = page.waitForRequest('**/v1/chat/completions');
    await page.keyboard.press('Enter');
    expect((await sent).postData()).toContain('data:image/jpeg;base64,');
    await page.locator('article.user img.thumbnail').waitFor();
    await page.locator('article.assistant .markdown').waitFor();
    await page.locator('#send').waitFor();
    expect(await page.locator('#pictures').isVisible()).toBe(false);
    expect(await page.locator('[role=alert]').count()).toBe(0);
  });

  test('after a reload the chat says that there was one', async () => {
    await page.reload();
    const question = page.locator('article.user').first();
    await question.waitFor();
    expect(await question.textContent()).toBe('[picture]\nWhat is the name of the cafe?');
  });

  test.each(['drop', 'paste'] as const)(
    '%s: pictures are taken, and can be removed',
    async (kind) => {
      await give(kind, 'image/png');
      await page.locator('#pictures img').waitFor();
      await page.getByRole('button', { name: 'Remove a.bin' }).click();
      expect(await page.locator('#pictures img').count()).toBe(0);
    },
  );

  test('one is taken with the camera, which is off afterwards', async () => {
    await page.locator('#open-camera').click();
    await page.getByRole('button', { name: 'Take picture' }).click();
    const taken = page.locator('#pictures img[alt="camera.jpg"]');
    await taken.waitFor();
    expect(
      await page.evaluate("document.querySelector('#pictures img').naturalWidth"),
    ).toBeGreaterThan(100);
    expect(await page.locator('#camera').isVisible()).toBe(false);
    expect(await page.evaluate("document.querySelector('#camera-view').srcObject")).toBeNull();
    await page.getByRole('button', { name: 'Remove camera.jpg' }).click();
  });

  test('two clicks open one camera', async () => {
    const nOpened = await page.evaluate(`(() => {
      const { mediaDevices } = navigator;
      const ask = mediaDevices.getUserMedia;
      let n = 0;
      mediaDevices.getUserMedia = (wanted) => (n++, ask.call(mediaDevices, wanted));
      const button = document.querySelector('#open-camera');
      button.click();
      button.click();
      mediaDevices.getUserMedia = ask;
      return n;
    })()`);
    expect(nOpened).toBe(1);
    await page.locator('#camera-take:enabled').waitFor();
    await page.keyboard.press('Escape');
    expect(await page.locator('#open-camera').isEnabled()).toBe(true);
  });

  test('without a picture the camera is closed by Escape', async () => {
    await page.locator('#open-camera').click();
    await page.locator('#camera-take:enabled').waitFor();
    await page.keyboard.press('Escape');
    expect(await page.evaluate("document.querySelector('#camera-view').srcObject")).toBeNull();
    expect(await page.locator('#pictures img').count()).toBe(0);
  });

  test('other files are refused, and a broken picture by the server', async () => {
    await give('drop', 'text/plain');
    await page.getByText('a.bin is not a picture.').waitFor();
    await give('paste', 'image/png');
    await page.locator('#pictures img').waitFor();
    await page.locator('#send').click();
    await page.getByText('is not a supported image').waitFor();
    expect(errors).toEqual([]);
  });
});
