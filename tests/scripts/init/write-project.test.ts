/** What `thimble init` writes, and what it refuses. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packageSpec } from '../../../scripts/init/package-spec.ts';
import { TEMPLATES } from '../../../scripts/init/templates.ts';
import { writeProject } from '../../../scripts/init/write-project.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';
import { readProject } from '../../../scripts/lib/project.ts';
import { temporaryFolder } from '../../support/models.ts';

/** Tables and settings of a wrangler.toml, without comments and the lines in which two may differ. */
function settingsOf(toml: string, differing: readonly string[]): string[] {
  const isOwn = (line: string) => differing.some((name) => line.startsWith(`${name} = `));
  return toml.split('\n').filter((line) => line !== '' && !line.startsWith('#') && !isOwn(line));
}

describe('a project', () => {
  test.each(Object.keys(TEMPLATES))('%s has the bindings of the gateway', async (template) => {
    await using folder = await temporaryFolder();
    const root = join(folder.path, 'my-app');
    const { files } = await writeProject({ folder: root, template });
    const toml = await readFile(join(root, 'wrangler.toml'), 'utf8');
    const gateway = await readFile(join(repoRoot, 'wrangler.toml'), 'utf8');
    const bundle = ['name', 'main', 'no_bundle', 'find_additional_modules', 'base_dir'];
    const differing = [...bundle, ...Object.keys(TEMPLATES[template]!.vars)];
    // Names of bindings are lines of that form, too.
    const bindings = (text: string) => text.match(/^(name|binding|class_name) = .*$/gm)?.slice(1);
    expect(settingsOf(toml, differing)).toEqual(settingsOf(gateway, differing));
    expect(bindings(toml)).toEqual(bindings(gateway));
    expect(toml).toContain('\nname = "my-app"\nmain = "src/index.ts"\n');
    expect(readProject(root)).toMatchObject({ entry: join(root, 'src/index.ts'), mount: '' });
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    expect(readme).toMatch(/^# my-app\n/);
    expect(readme).not.toMatch(/\{\{|undefined/);
    for (const file of files) await readFile(join(root, file));
  });

  test('may be written into a new repository, and nowhere else', async () => {
    await using folder = await temporaryFolder();
    const root = join(folder.path, 'app');
    await mkdir(join(root, '.git'), { recursive: true });
    await writeProject({ folder: root, template: 'chat' });
    await expect(writeProject({ folder: root, template: 'chat' })).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringContaining('the folder is not empty') as string,
    });
    const file = join(folder.path, 'file');
    await writeFile(file, '');
    await expect(writeProject({ folder: file, template: 'chat' })).rejects.toMatchObject({
      message: expect.stringContaining('not a folder') as string,
    });
  });

  test.each([
    [{ folder: 'My_App', template: 'chat' }, /"My_App": not a name for a Worker/],
    [{ folder: 'a'.repeat(55), template: 'chat' }, /up to 54/],
    [{ folder: 'app', template: 'constructor' }, /--template; expected chat, rag, voice, api/],
  ])('%j is refused', async (request, message) => {
    await using folder = await temporaryFolder();
    const root = join(folder.path, request.folder);
    await expect(writeProject({ ...request, folder: root })).rejects.toThrow(message);
  });
});

describe('packageSpec', () => {
  test.each([
    ['file:../kit/thimble-0.1.0.tgz', 'file:../../kit/thimble-0.1.0.tgz'],
    ['https://registry.example.org/thimble/-/thimble-0.1.0.tgz', '0.1.0'],
    ['file:../gone.tgz', '0.1.0'],
  ])('installed from %s it is %s', async (resolved, expected) => {
    await using folder = await temporaryFolder();
    const home = join(folder.path, 'home');
    const installed = join(home, 'node_modules/thimble');
    await mkdir(installed, { recursive: true });
    await mkdir(join(folder.path, 'kit'));
    await writeFile(join(folder.path, 'kit/thimble-0.1.0.tgz'), '');
    await writeFile(join(installed, 'package.json'), '{"version":"0.1.0"}');
    const lock = { packages: { 'node_modules/thimble': { resolved } } };
    await writeFile(join(home, 'node_modules/.package-lock.json'), JSON.stringify(lock));
    expect(packageSpec(join(home, 'my-app'), installed)).toBe(expected);
  });
});

describe('readProject', () => {
  test.each([
    ['{', /not JSON/],
    ['{"thimble":{"worker":1}}', /thimble.worker; expected the path of a wrangler.toml, got 1/],
    ['{"thimble":{"worker":"no.toml"}}', /thimble.worker; there is no file .*no.toml/],
    ['{"thimble":{"worker":"w.toml","mount":"ai"}}', /thimble.mount; .* got "ai"/],
    ['{"thimble":{"worker":"w.toml"}}', /w.toml: main; there is no file .*gone.ts/],
  ])('%s is refused', async (json, message) => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'package.json'), json);
    await writeFile(join(folder.path, 'w.toml'), 'name = "a"\nmain = "gone.ts"\n');
    expect(() => readProject(folder.path)).toThrow(message);
  });

  test('a folder without that field is no project', async () => {
    await using folder = await temporaryFolder();
    expect(readProject(folder.path)).toBeNull();
    await writeFile(join(folder.path, 'package.json'), '{}');
    expect(readProject(folder.path)).toBeNull();
  });
});
