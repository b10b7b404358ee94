/** The reference page in a real browser: drawn from /openapi.json, nothing from elsewhere. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENDPOINTS } from '../../worker/gateway/endpoints.ts';
import { shareTestServer } from '../support/http-server.ts';
import type { SharedServer } from '../support/http-server.ts';
import { findBrowser } from '../support/needs.ts';

const browser = await findBrowser();

describe.skipIf(browser === null)('the reference page', () => {
  let server: SharedServer;
  let page: Page;
  const errors: string[] = [];
  const asked: string[] = [];
  beforeAll(async () => {
    server = await shareTestServer();
    page = await browser!.newPage();
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(`${server.url}/docs`);
    await page.locator('body[data-drawn]').waitFor();
  });
  afterAll(async () => {
    await browser?.close();
    await server.close();
  });

  test('asks its own server only, and nothing goes wrong', () => {
    expect(errors).toEqual([]);
    expect(asked.filter((url) => !url.startsWith(server.url))).toEqual([]);
    expect(asked).toContain(`${server.url}/openapi.json`);
  });

  test.each(ENDPOINTS.map((endpoint): [string] => [endpoint.name]))('shows %s', async (name) => {
    const endpoint = ENDPOINTS.find((one) => one.name === name);
    if (endpoint === undefined) throw new Error(name);
    const section = page.locator(`section#${name}`);
    expect(await section.count()).toBe(1);
    expect(await section.locator('h3').isVisible()).toBe(true);
    const text = (await section.textContent()) ?? '';
    expect(text).toContain(endpoint.summary);
    for (const field of Object.keys(endpoint.body?.shape ?? {})) expect(text).toContain(field);
    for (const { name: refused } of endpoint.refused ?? []) expect(text).toContain(refused);
    const examples = await section.locator('pre.example').allTextContents();
    expect(examples).toHaveLength(endpoint.examples.length);
    for (const example of examples) {
      expect(example).toMatch(/^curl /);
      expect(example).toContain(`${server.url}/`);
      expect(example).not.toContain('localhost:8787');
    }
    expect(await page.locator(`nav a[href="#${name}"]`).count()).toBe(1);
  });

  test('marks extensions and what has no effect', async () => {
    const row = (name: string) =>
      page.locator('section#chatCompletions tr', { has: page.locator(`code:text-is("${name}")`) });
    expect(await row('session').first().textContent()).toContain('extension');
    expect(await row('service_tier').first().textContent()).toContain('no effect');
    expect(await row('temperature').first().textContent()).not.toContain('extension');
    expect(await row('temperature').first().textContent()).toContain('≤ 2');
  });
});
