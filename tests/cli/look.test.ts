/** `thimble look` on a server that reads pictures. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { shareTestServer } from '../support/http-server.ts';
import type { SharedServer } from '../support/http-server.ts';
import { findModelFile } from '../support/needs.ts';
import { runThimble } from '../support/program.ts';

const OCR = 'pp-ocr-v4';
const MODEL = 'smollm2-135m-instruct';
const PAGE = join(repoRoot, 'tests/golden/text-picture.png');

describe.skipIf([OCR, MODEL].some((id) => findModelFile(id) === null))('thimble look', () => {
  let server: SharedServer;
  beforeAll(async () => {
    server = await shareTestServer([OCR, MODEL]);
  });
  afterAll(() => server.close());

  const look = (...args: readonly string[]) =>
    runThimble(['look', ...args, '--url', server.url, '-m', MODEL], { home: tmpdir() });

  test('prints what is read, and the text alone', async () => {
    const whole = await look(PAGE);
    expect(whole).toMatchObject({ code: 0, stderr: '' });
    expect(whole.stdout).toMatch(/^<picture>\n[^]*Thimble ?reads ?pictures\n[^]*<\/picture>\n$/);
    const text = await look(PAGE, '--text');
    expect(text.stdout.replaceAll(' ', '').split('\n').slice(0, 2)).toEqual([
      'Thimblereadspictures',
      'Order4711:3apples,12.50',
    ]);
  });

  test('answers a question', async () => {
    const { stdout } = await look(PAGE, 'What is the number of the order?', '--json');
    const { answer, images } = JSON.parse(stdout) as { answer: string; images: object[] };
    expect(answer.length).toBeGreaterThan(0);
    expect(images[0]).toMatchObject({ width: 420, height: 150 });
  });

  test.each([
    [['no-such-file.png'], 'expected a file that can be read'],
    [[PAGE, 'What?', '--text'], 'expected no question with it'],
    [['package.json'], 'not a supported image'],
  ])('refused: %s', async (args, message) => {
    const { code, stderr } = await look(...args);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
  });
});
