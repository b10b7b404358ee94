/**
 * The package as a person gets it: packed, installed into an empty folder on a machine with Node and npm only, and
 * every step of docs/package.md done there.
 * @module-tag slow
 */
import { cp, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { launchChromium } from '../../scripts/lib/chromium.ts';
import { BareMachine } from '../support/bare-machine.ts';
import { requireModelFile } from '../support/needs.ts';
import { serveFolders } from '../support/serve-folders.ts';

const MAX_PACKED_BYTES = 14_000_000;
const MAX_INSTALLED_BYTES = 150_000_000;
const slow = { timeout: 400_000 };

let machine: BareMachine;
let folder: string;
let tarball: string;

beforeAll(async () => {
  machine = await BareMachine.make();
  folder = join(machine.root, 'empty');
  await mkdir(folder);
  const packed = await machine.run(
    'npm',
    ['pack', '--json', '--pack-destination', machine.root],
    repoRoot,
  );
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  tarball = join(machine.root, filename);
  await machine.run('npm', ['install', tarball, '--no-audit', '--no-fund'], folder);
}, 300_000);
afterAll(() => machine.remove());

const thimble = (args: readonly string[], where = folder) =>
  machine.run('npx', ['thimble', ...args], where);

async function bytesIn(root: string): Promise<number> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** Starts `thimble dev` in a folder and asks it once. Without npx, which keeps signals to itself. */
async function askDev(where: string, path: string, body: object): Promise<unknown> {
  const args = ['node_modules/.bin/thimble', 'dev', '--port', '0', '--model', 'stories260k'];
  const dev = machine.start('node', args, where);
  try {
    let url = '';
    await expect
      .poll(() => (url = /Serving stories260k at (\S+)/.exec(dev.output())?.[1] ?? ''), {
        timeout: 120_000,
        message: dev.output(),
      })
      .not.toBe('');
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(200);
    return await response.json();
  } finally {
    dev.child.kill('SIGINT');
    await dev.finished;
  }
}

test('it is small, and holds no sources and no tests', slow, async () => {
  expect((await stat(tarball)).size).toBeLessThanOrEqual(MAX_PACKED_BYTES);
  expect(await bytesIn(join(folder, 'node_modules'))).toBeLessThanOrEqual(MAX_INSTALLED_BYTES);
  const paths = await readdir(join(folder, 'node_modules/thimble'), { recursive: true });
  const sources = paths.filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'));
  // Those of the templates are for the project they are written into.
  expect(sources.filter((path) => !path.startsWith('package/templates/'))).toEqual([]);
  expect(paths.filter((path) => /(^|\/)tests?\//.test(path))).toEqual([]);
  const notices = await readFile(
    join(folder, 'node_modules/thimble/dist/THIRD-PARTY-NOTICES.md'),
    'utf8',
  );
  for (const name of ['commander', 'zod', 'core-js', 'hono'])
    expect(notices).toContain(`| ${name} |`);
  expect(notices).not.toMatch(/\| (L?GPL|AGPL)/);
});

test('the program says its version and its commands', slow, async () => {
  const { version } = JSON.parse(await readFile(join(repoRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  expect((await thimble(['--version'])).stdout.trim()).toBe(version);
  const { stdout } = await thimble(['--help']);
  for (const name of ['init', 'pull', 'import', 'dev', 'deploy'])
    expect(stdout).toContain(`\n  ${name} `);
});

test('in an empty folder dev fetches what it needs, and answers', slow, async () => {
  const answer = (await askDev(folder, '/v1/chat/completions', {
    messages: [{ role: 'user', content: 'Once upon a time' }],
    max_tokens: 8,
  })) as { usage: { completion_tokens: number } };
  expect(answer.usage.completion_tokens).toBe(8);
});

test('the engine runs in its process', slow, async () => {
  const args = [
    '-m',
    'stories260k',
    '-p',
    'Once upon a time',
    '--temperature',
    '0',
    '--max-tokens',
    '11',
  ];
  const { stdout } = await thimble(['generate', ...args]);
  expect(stdout).toBe('Once upon a time, there was a little girl named Lily.\n');
});

test('a project tests, serves and deploys its own Worker', slow, async () => {
  const { stdout } = await thimble(['init', 'my-app']);
  expect(stdout).toContain('npm test');
  const app = join(folder, 'my-app');
  await machine.run('npm', ['install', '--no-audit', '--no-fund'], app);
  expect((await machine.run('npm', ['test'], app)).stdout).toMatch(/^# pass 3$/m);
  const answer = await askDev(app, '/api/reply', { message: 'Once upon a time' });
  expect(answer).toEqual({ reply: expect.stringMatching(/\w/) as string });
  const deployed = await machine.run('npm', ['run', 'deploy', '--', '--dry-run'], app);
  expect(deployed.stdout).toContain('dry run: nothing was deployed');
  expect(deployed.stdout).toMatch(/^ {2}my-app .*STAGE_7 -> thimble-stage-7/m);
  expect(deployed.stderr).toMatch(/^my-app .*wrangler accepts it/m);
});

test.each([
  ['rag', 'all-minilm-l6-v2'],
  ['voice', 'pico-en-us'],
  ['api', null],
])('the test of template %s passes', slow, async (template, modelId) => {
  if (modelId !== null) {
    const from = dirname(requireModelFile(modelId));
    await cp(from, join(machine.root, 'home/cache/models', modelId), { recursive: true });
  }
  const app = join(folder, `my-${template}`);
  await thimble(['init', `my-${template}`, '--template', template]);
  // The same packages as in the project before.
  await symlink(join(folder, 'my-app/node_modules'), join(app, 'node_modules'));
  expect((await machine.run('npm', ['test'], app)).stdout).toMatch(/^# pass 2$/m);
  const tsc = join(repoRoot, 'node_modules/typescript/bin/tsc');
  await machine.run('node', [tsc, '-p', 'tsconfig.json'], app);
});

test('the engine runs in a browser', slow, async () => {
  const site = await serveFolders({
    thimble: join(folder, 'node_modules/thimble'),
    model: join(machine.root, 'home/data/models/stories260k'),
  });
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`${site.url}/`);
    const text = await page.evaluate(IN_BROWSER);
    expect(text).toBe(', there was a little girl named Lily.');
  } finally {
    await browser.close();
    await site.close();
  }
});

test('a folder that is not empty is refused', slow, async () => {
  const again = await machine.start('npx', ['thimble', 'init', 'my-app'], folder).finished;
  expect(again.code).toBe(1);
  expect(again.stderr).toMatch(
    /^error: init: .*my-app: the folder is not empty \(it has .*\[E_USAGE\]/,
  );
});

test('every example of docs/package.md runs and prints what stands below it', slow, async () => {
  const text = await readFile(join(repoRoot, 'docs/package.md'), 'utf8');
  const app = join(folder, 'my-app');
  const examples = [...text.matchAll(/```js\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g)];
  expect(examples.length).toBeGreaterThanOrEqual(2);
  for (const [i, [, code = '', output = '']] of examples.entries()) {
    await writeFile(join(app, `example-${i}.mjs`), code);
    expect((await machine.run('node', [`example-${i}.mjs`], app)).stdout).toBe(output);
  }
});

test('the Worker of docs/package.md has types, and answers where it is mounted', slow, async () => {
  const text = await readFile(join(repoRoot, 'docs/package.md'), 'utf8');
  const [, worker = ''] = /```ts\n([\s\S]*?)```/.exec(text) ?? [];
  const app = join(folder, 'my-app');
  await writeFile(join(app, 'src/index.ts'), worker);
  await writeFile(join(app, 'src/use.ts'), USES);
  const manifest = JSON.parse(await readFile(join(app, 'package.json'), 'utf8')) as object;
  const thimbleFields = { worker: 'wrangler.toml', mount: '/ai' };
  await writeFile(
    join(app, 'package.json'),
    JSON.stringify({ ...manifest, thimble: thimbleFields }),
  );
  const tsc = join(repoRoot, 'node_modules/typescript/bin/tsc');
  await machine.run('node', [tsc, '-p', 'tsconfig.json'], app);
  await writeFile(join(app, 'mounted.mjs'), MOUNTED);
  const { stdout } = await machine.run('node', ['mounted.mjs'], app);
  expect(stdout.split('\n')).toEqual([
    '200 My own page',
    '401',
    '200 stories260k',
    '200',
    '404',
    '',
  ]);
});

/** Every export, as a person's own code would use it. */
const USES = `
import { ThimbleClient, type SearchResult } from 'thimble/client';
import { fromBucket, fromFolder, fromUrl, loadModel } from 'thimble/engine';
import { startTestServer, TEST_MODEL } from 'thimble/testing';
import { thimble } from 'thimble/worker';

const client = new ThimbleClient({ baseUrl: 'http://localhost:8787', apiKey: 'tk_1' });
export const found: Promise<SearchResult[]> = client.collections.search('notes', 'sea', { top_k: 2 });
export const model = loadModel(fromUrl('https://example.org/model/'), { contextTokens: 512 });
export const others = [fromFolder('models/a'), fromBucket({ get: () => Promise.resolve(null) }, 'a')];
export const text: Promise<string[]> = model.then(async ({ chat }) => {
  const pieces: string[] = [];
  for await (const piece of chat([{ role: 'user', content: 'Hi' }])) pieces.push(piece);
  return pieces;
});
export const server = startTestServer({ vars: { DEFAULT_MODEL: TEST_MODEL } });
export const app = thimble();
// @ts-expect-error: there is no such task
void client.task('sing', { text: 'la' });
`;

const MOUNTED = `
import { startTestServer } from 'thimble/testing';
const server = await startTestServer();
const ada = { headers: { 'x-user': 'ada' } };
const home = await server.fetch('/');
console.log(home.status, await home.text());
console.log((await server.fetch('/ai/v1/models')).status);
const models = await server.fetch('/ai/v1/models', ada);
console.log(models.status, (await models.json()).data[0].id);
const chat = { session: 'one', messages: [{ role: 'user', content: 'Once' }], max_tokens: 4 };
const answer = await server.fetch('/ai/v1/chat/completions', {
  method: 'POST',
  headers: { 'content-type': 'application/json', ...ada.headers },
  body: JSON.stringify(chat),
});
console.log(answer.status);
console.log((await server.fetch('/ai/v1/sessions/one', { headers: { 'x-user': 'grace' } })).status);
await server.close();
`;

const IN_BROWSER = `(async () => {
  const { fromUrl, loadModel } = await import('/thimble/dist/lib/engine-web.js');
  const model = await loadModel(fromUrl(new URL('/model/', location.href)));
  let text = '';
  for await (const piece of model.generate('Once upon a time', { maxTokens: 11 })) text += piece;
  return text;
})()`;
