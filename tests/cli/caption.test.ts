/** `thimble caption`, and `thimble ask` about a picture, on a server whose model sees. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drawScene, SCENE_RULES, sceneOf } from '../../scripts/data/mini/scenes.ts';
import { MINI_MODEL_ID } from '../../scripts/pull/catalogue.ts';
import { shareTestServer, type SharedServer } from '../support/http-server.ts';
import { runThimble } from '../support/program.ts';

let server: SharedServer;
let folder: string;
let picture: string;
const scene = sceneOf(977, 4, { ...SCENE_RULES, maxObjects: 1 });
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thimble-caption-'));
  picture = join(folder, 'scene.png');
  const { side: width, side: height } = scene;
  await writeFile(
    picture,
    encode({ width, height, channels: 3, depth: 8, data: drawScene(scene) }),
  );
  server = await shareTestServer([MINI_MODEL_ID]);
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const thimble = (...args: readonly string[]) =>
  runThimble([...args, '--url', server.url, '-m', MINI_MODEL_ID], { home: folder });

test('what it prints is what the server says of the picture', async () => {
  const printed = await thimble('caption', picture);
  expect(printed).toMatchObject({ code: 0, stderr: '' });
  const { stdout } = await thimble('caption', picture, '--json');
  const answer = JSON.parse(stdout) as { object: string; text: string };
  expect(answer.object).toBe('task.caption');
  expect(printed.stdout).toBe(`${answer.text}\n`);
  const cut = await thimble('caption', picture, '--max-tokens', '1');
  expect(cut.stdout.length).toBeLessThan(printed.stdout.length);
  expect(cut.stderr).toContain('max-tokens');
});

test('a question about a file of a picture is not one to a collection', async () => {
  const { colour, shape } = scene.objects[0]!;
  const asked = await thimble('ask', picture, `is there a ${colour} ${shape}?`);
  expect(asked).toEqual({ code: 0, stdout: 'yes\n', stderr: '' });
});

test('options of a search are refused beside a picture', async () => {
  const { code, stderr } = await thimble('ask', picture, 'What?', '--top-k', '2');
  expect([code, stderr]).toEqual([1, expect.stringContaining('ask: --top-k: ')]);
});

test.each([
  [['caption', 'no-such.png'], 'caption: no-such.png; expected a file that can be read'],
  [['ask', 'no-such.png', 'What?'], 'ask: no-such.png; expected a file that can be read'],
  [['caption', 'package.json'], 'not a supported image'],
])('refused: %s', async (args, message) => {
  const { code, stderr } = await thimble(...args);
  expect(code).not.toBe(0);
  expect(stderr).toContain(message);
});
