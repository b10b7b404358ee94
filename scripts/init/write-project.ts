/** Writes a project of `thimble init`: a Worker with routes of its own that mounts Thimble. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import process from 'node:process';
import { EngineError } from '../../engine/base/errors.ts';
import { repoRoot } from '../lib/paths.ts';
import { TOOL_VERSIONS } from '../lib/tools.ts';
import { packageSpec } from './package-spec.ts';
import { TEMPLATES } from './templates.ts';
import type { Template } from './templates.ts';

export interface ProjectRequest {
  /** The project's folder; its last part becomes the name of the Worker. */
  readonly folder: string;
  readonly template: string;
}

export interface WrittenProject {
  readonly folder: string;
  /** Paths in the folder. */
  readonly files: readonly string[];
}

const TEMPLATE_DIR = join(repoRoot, 'package', 'templates');
/** The platform's rule for names of Workers, which become part of an address. */
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,52}[a-z0-9])?$/;
/** What may be there before: a repository that was made first. */
const IGNORED: ReadonlySet<string> = new Set(['.git', '.DS_Store']);

/** @throws {EngineError} E_USAGE for an unknown template, a name that no Worker may have, a folder that is not empty */
export async function writeProject({ folder, template }: ProjectRequest): Promise<WrittenProject> {
  const found = Object.hasOwn(TEMPLATES, template) ? TEMPLATES[template] : undefined;
  if (found === undefined)
    throw new EngineError(
      'E_USAGE',
      `init: --template; expected ${Object.keys(TEMPLATES).join(', ')}, got ${JSON.stringify(template)}.`,
    );
  const root = resolve(folder);
  const name = basename(root);
  if (!NAME.test(name))
    throw new EngineError(
      'E_USAGE',
      `init: ${JSON.stringify(name)}: not a name for a Worker; expected up to 54 lower-case letters, digits and "-", starting and ending with a letter or digit.`,
    );
  requireEmpty(root);
  const files = projectFiles({ root, name, template: found, folder: template });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return { folder: root, files: Object.keys(files) };
}

function requireEmpty(root: string): void {
  if (!existsSync(root)) return;
  const there = namesIn(root).filter((name) => !IGNORED.has(name));
  if (there.length === 0) return;
  const shown = there.slice(0, 3).join(', ');
  throw new EngineError(
    'E_USAGE',
    `init: ${root}: the folder is not empty (it has ${shown}${there.length > 3 ? ' and others' : ''}). Choose a new one.`,
  );
}

function namesIn(root: string): string[] {
  try {
    return readdirSync(root);
  } catch (cause) {
    throw new EngineError('E_USAGE', `init: ${root}: not a folder. Choose a new name.`, { cause });
  }
}

interface Plan {
  readonly root: string;
  readonly name: string;
  readonly template: Template;
  /** Of the template's own files. */
  readonly folder: string;
}

function projectFiles({ root, name, template, folder }: Plan): Record<string, string> {
  const shared = (file: string) => readTemplate('shared', file);
  return {
    'package.json': packageJson(root, name, template),
    'wrangler.toml': wranglerToml(name, template),
    'tsconfig.json': shared('tsconfig.json'),
    '.gitignore': 'node_modules/\n.thimble/\n.wrangler/\n.dev.vars\n',
    'README.md': readme(shared('README.md'), name, template),
    'src/index.ts': shared('index.ts'),
    'src/ask.ts': shared('ask.ts'),
    'src/routes.ts': readTemplate(folder, 'routes.ts'),
    'test/routes.test.js': readTemplate(folder, 'routes.test.js'),
  };
}

function readTemplate(folder: string, file: string): string {
  return readFileSync(join(TEMPLATE_DIR, folder, file), 'utf8');
}

function packageJson(root: string, name: string, { also }: Template): string {
  const { dependencies } = JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as {
    dependencies: { hono: string };
  };
  const json = {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    scripts: {
      dev: ['thimble dev', ...(also.length === 0 ? [] : ['--also', ...also])].join(' '),
      test: 'node --test',
      deploy: 'thimble deploy',
    },
    thimble: { worker: 'wrangler.toml', mount: '/' },
    dependencies: { hono: dependencies.hono, thimble: packageSpec(root) },
    devDependencies: { wrangler: TOOL_VERSIONS.wrangler },
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** The gateway's own file, for a Worker that is built from this project's sources. */
function wranglerToml(name: string, { vars }: Template): string {
  const own = readFileSync(join(repoRoot, 'wrangler.toml'), 'utf8')
    .replace(
      /^#.*\n/,
      '# The Worker of this project. Models live in scripts of their own, which `thimble deploy` deploys first.\n',
    )
    .replace(/^name = .*$/m, `name = "${name}"`)
    .replace(/^main = .*$/m, 'main = "src/index.ts"')
    .replaceAll(/^(no_bundle|find_additional_modules|base_dir) = .*\n/gm, '');
  return Object.entries(vars).reduce(
    (text, [key, value]) => text.replace(new RegExp(`^${key} = .*$`, 'm'), `${key} = "${value}"`),
    own,
  );
}

function readme(text: string, name: string, { summary, also, example }: Template): string {
  const { path, body } = example;
  const request = `curl http://localhost:8787${path} -H 'content-type: application/json' \\\n  -d '${JSON.stringify(body)}'`;
  const push = also.map((id) => `npx thimble push ${id} --remote`).join('\n');
  const values: Record<string, string> = {
    name,
    summary,
    try: `While it runs:\n\n\`\`\`sh\n${request}\n\`\`\``,
    more: push === '' ? '' : `\n\nFurther models are pushed once:\n\n\`\`\`sh\n${push}\n\`\`\``,
  };
  return text.replaceAll(/\{\{(\w+)\}\}/g, (_, key: string) => values[key] ?? '');
}

/** A path as a person types it from here. */
export function shownPath(folder: string): string {
  const path = relative(process.cwd(), folder);
  return path === '' ? '.' : path;
}
