/**
 * Are the packages in node_modules those of package-lock.json, and how do they get there? Also where
 * the Node that the project runs on is. Plain JavaScript for Node 20 with nothing but its builtins:
 * this runs before anything is installed.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repoRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The oldest Node that can run this file and npm 10. */
export const MIN_NODE_MAJOR = 20;
const PLAIN_INTERVAL_MS = 2_000;

/**
 * Names of packages that package-lock.json wants here and that are missing or of another version.
 * npm writes node_modules/.package-lock.json last, so an installation that was cut off has none.
 */
export function missingPackages({ root = repoRoot, withDev }) {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages ?? {};
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages ?? {};
  // Where npm puts a package below node_modules may differ from the lockfile; what it is may not.
  const there = new Set();
  for (const [path, row] of Object.entries(installed)) {
    if (existsSync(join(root, path, 'package.json'))) there.add(`${nameOf(path)}@${row.version}`);
  }
  return Object.entries(wanted)
    .filter(([path, row]) => isPackage(path, row) && isWanted(row, withDev))
    .filter(([path, row]) => !there.has(`${nameOf(path)}@${row.version}`))
    .map(([path]) => nameOf(path));
}

/** The repository itself and its workspaces, which node_modules only links to, are not installed. */
function isPackage(path, row) {
  return path.includes('node_modules/') && !row.link;
}

function nameOf(path) {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

function isWanted(row, withDev) {
  if (!withDev && (row.dev || row.devOptional)) return false;
  if (!row.optional && !row.devOptional) return true;
  // Optional packages are only needed where they are builds for this machine (esbuild, workerd).
  const fits = (list, value) => list === undefined || list.includes(value);
  const named = row.os !== undefined && row.cpu !== undefined;
  return (
    named && fits(row.os, process.platform) && fits(row.cpu, process.arch) && fits(row.libc, libc())
  );
}

function libc() {
  if (process.platform !== 'linux') return undefined;
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

/** The Node 24 that the `node` package brings, or null before it is installed. */
export function findProjectNode(root = repoRoot) {
  const dir = join(root, 'node_modules', 'node', 'bin');
  return [join(dir, 'node'), join(dir, 'node.exe')].find(existsSync) ?? null;
}

/** The version of Node that a clone runs on: `24.21.0`. */
export function projectNodeVersion(root = repoRoot) {
  return readJson(join(root, 'scripts/build/package.json'))?.dependencies?.node ?? null;
}

/**
 * Installs what is missing. Shows packages fetched, rate and time left; on failure npm's own message.
 * Returns the exit code.
 */
export async function installPackages({ root = repoRoot, withDev, nMissing, print }) {
  // With a finished tree npm adds what is missing; after a cut-off one it starts clean.
  const clean = !existsSync(join(root, 'node_modules', '.package-lock.json'));
  const args = clean ? ['ci'] : ['install', '--no-save'];
  if (!withDev) args.push('--omit=dev');
  args.push('--loglevel=http', '--prefer-offline', '--no-audit', '--no-fund');
  const npm = spawn(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, {
    cwd: root,
    env: { ...process.env, PATH: pathWithoutProject(root) },
    stdio: ['ignore', 'ignore', 'pipe'],
    shell: process.platform === 'win32',
  });
  const errors = [];
  let nFetched = 0;
  const startMs = Date.now();
  const show = () =>
    print(progressText(Math.min(nFetched, nMissing), nMissing, Date.now() - startMs));
  const ticker = setInterval(show, process.stderr.isTTY ? 250 : PLAIN_INTERVAL_MS);
  let rest = '';
  npm.stderr.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (/^npm http fetch .*\.tgz/.test(line)) nFetched++;
      else if (/^npm error/.test(line)) errors.push(line);
    }
  });
  const stop = forwardSignals(npm);
  const code = await new Promise((resolve) => {
    npm.on('error', (error) => {
      errors.push(`npm could not be started: ${error.message}. Install Node.js with npm.`);
      resolve(1);
    });
    npm.on('close', (exitCode, signal) => resolve(signal === null ? exitCode : 130));
  });
  clearInterval(ticker);
  const interrupted = stop();
  if (interrupted) return 130;
  if (code !== 0) process.stderr.write(`\n${errors.join('\n')}\n`);
  return code;
}

function progressText(done, total, elapsedMs) {
  const seconds = Math.round(elapsedMs / 1000);
  if (done >= total) return `${total} of ${total} packages fetched, unpacking (${seconds} s)`;
  const rate = done / Math.max(elapsedMs / 1000, 0.001);
  const left = rate > 0 ? `, ${rate.toFixed(1)}/s, ${Math.ceil((total - done) / rate)} s left` : '';
  return `${done} of ${total} packages fetched${left} (${seconds} s)`;
}

/** npm must not run under a Node that it is about to replace. */
function pathWithoutProject(root) {
  const own = join(root, 'node_modules') + sep;
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((dir) => !`${dir}${sep}`.startsWith(own))
    .join(delimiter);
}

/** Passes Ctrl-C on; the returned function ends that and says whether there was one. */
export function forwardSignals(child) {
  let seen = false;
  const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((name) => {
    const handler = () => {
      seen = true;
      child.kill(name);
    };
    process.on(name, handler);
    return () => process.off(name, handler);
  });
  return () => {
    for (const off of handlers) off();
    return seen;
  };
}

/**
 * Runs a TypeScript file under the project's Node: in this process when it is that very version,
 * else in a child whose exit code becomes ours.
 */
export async function runTypeScript(file, args, root = repoRoot) {
  const path = join(root, file);
  if (process.versions.node === projectNodeVersion(root)) {
    process.argv = [process.argv[0], path, ...args];
    await import(path);
    return;
  }
  const node = findProjectNode(root);
  if (node === null) {
    process.stderr.write('error: the packages are not installed. Run: npm install\n');
    process.exit(1);
  }
  // The channel closes when this process ends, however it ends: what it has started then stops by itself.
  const child = spawn(node, [path, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    // Compiled modules are kept: a command starts in half the time.
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node'), ...process.env },
  });
  forwardSignals(child);
  child.on('error', (error) => {
    process.stderr.write(`error: ${node} could not be started: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 130));
}
