/** `thimble eval pictures` on a server with a model that sees and one that reads words of pictures. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drawScene, SCENE_RULES, sceneOf } from '../../scripts/data/mini/scenes.ts';
import { MINI_MODEL_ID } from '../../scripts/pull/catalogue.ts';
import { shareTestServer, type SharedServer } from '../support/http-server.ts';
import { findModelFile } from '../support/needs.ts';
import { runThimble } from '../support/program.ts';

const OCR = 'pp-ocr-v4';
const READER = 'smollm2-135m-instruct';

describe.skipIf([OCR, READER].some((id) => findModelFile(id) === null))('eval pictures', () => {
  let server: SharedServer;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'thimble-routes-'));
    const rows: string[] = [];
    for (const number of [1, 2, 3]) {
      const scene = sceneOf(977, number, { ...SCENE_RULES, maxObjects: 1 });
      const { side: width, side: height } = scene;
      const data = drawScene(scene);
      const image = `${number}.png`;
      await writeFile(join(folder, image), encode({ width, height, channels: 3, depth: 8, data }));
      const split = number === 3 ? 'train' : 'test';
      rows.push(JSON.stringify({ image, split, captions: [`shape | ${number}`, 'a shape'] }));
    }
    await writeFile(join(folder, 'captions.jsonl'), rows.join('\n'));
    server = await shareTestServer([MINI_MODEL_ID, READER, OCR]);
  });
  afterAll(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('a table of what is said by three routes, which goes on where it was cut off', async () => {
    const out = join(folder, 'said.jsonl');
    const args = ['eval', 'pictures', folder, '--url', server.url, '--split', 'test'];
    const run = () =>
      runThimble([...args, '--eyes', MINI_MODEL_ID, '--reader', READER, '--out', out], {
        home: folder,
      });
    const whole = await run();
    expect(whole.code).toBe(0);
    const table = whole.stdout.trim().split('\n');
    expect(table).toHaveLength(4);
    expect(table[2]).toMatch(/^\| 1\.png \| shape \\\| 1 \| [^|]+ \| [^|]+ \| [^|]+ \|$/);
    const said = (await readFile(out, 'utf8')).trim().split('\n');
    expect(said).toHaveLength(2);
    // The last line was cut off; what stands before it is not asked again.
    const kept = JSON.parse(said[0]!) as object;
    await writeFile(out, `${JSON.stringify({ ...kept, eyes: 'kept' })}\n`);
    const rest = (await run()).stdout.trim().split('\n');
    expect(rest[2]).toContain('| kept |');
    expect(rest[3]).toBe(table[3]);
    expect((await readFile(out, 'utf8')).trim().split('\n')).toHaveLength(2);
    await writeFile(out, '{"image":\n');
    const damaged = await run();
    expect(damaged.code).toBe(1);
    expect(damaged.stderr).toContain('line 1: expected what thimble eval pictures has written');
  }, 120_000);
});
