/**
 * docs/page.png: the chat page of a server that runs, after one question.
 * Usage: node scripts/build/page-picture.ts [URL]
 */
import { join } from 'node:path';
import process from 'node:process';
import { launchChromium } from '../lib/chromium.ts';
import { repoRoot } from '../lib/paths.ts';

const VIEWPORT = { width: 860, height: 620 };
const QUESTION =
  'Write a short Python function that adds two numbers, and a table of two examples.';
const ANSWER_MS = 120_000;

const [url = 'http://localhost:8787'] = process.argv.slice(2);
const browser = await launchChromium();
try {
  const page = await browser.newPage({ viewport: VIEWPORT, colorScheme: 'light' });
  await page.goto(url);
  await page.locator('#model option').first().waitFor({ state: 'attached' });
  await page.locator('#text').fill(QUESTION);
  await page.keyboard.press('Enter');
  await page.locator('article.assistant footer').waitFor({ timeout: ANSWER_MS });
  await page.locator('#log').evaluate('log.scrollTop = 0');
  await page.screenshot({ path: join(repoRoot, 'docs/page.png') });
} finally {
  await browser.close();
}
