/** Text in pictures, at /v1/onnx. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { shareTestServer } from '../support/http-server.ts';
import type { SharedServer } from '../support/http-server.ts';
import { findModelFile } from '../support/needs.ts';
import { dataUrl, formulaPng } from '../support/pictures.ts';

const ID = 'pp-ocr-v4';

describe.skipIf(findModelFile(ID) === null)('text', () => {
  let server: SharedServer;
  beforeAll(async () => {
    server = await shareTestServer([ID]);
  });
  afterAll(() => server.close());

  async function read(image: string) {
    const response = await server.post(`/v1/onnx/${ID}`, { image });
    return await response.json<{
      text?: string;
      lines?: { box: number[] }[];
      error?: { code: string };
    }>();
  }

  test('is read line by line', async () => {
    const png = new Uint8Array(readFileSync(join(repoRoot, 'tests/golden/text-picture.png')));
    const { text = '', lines = [] } = await read(dataUrl(png));
    // The reader leaves spaces out now and then.
    expect(text.replaceAll(' ', '').split('\n')).toEqual([
      'Thimblereadspictures',
      'Order4711:3apples,12.50',
      'left',
      'right',
    ]);
    const [left, top, right, bottom] = lines[0]?.box ?? [];
    expect(left).toBeLessThan(25);
    expect(top).toBeLessThan(25);
    expect(right).toBeGreaterThan(290);
    expect(bottom).toBeGreaterThan(35);
  });

  test('none in a picture without any', async () => {
    const white = await read(dataUrl(new Uint8Array(formulaPng(64, 64, 0))));
    expect(white.error).toBeUndefined();
    expect(white.lines?.length ?? 9).toBeLessThan(3);
  });

  test('a picture that is none is refused', async () => {
    const { error } = await read(dataUrl(new TextEncoder().encode('no picture')));
    expect(error?.code).toBe('E_IMAGE_INVALID');
  });
});
