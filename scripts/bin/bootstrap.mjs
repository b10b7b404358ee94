/**
 * What `npm start`, `npm test` and `npm pack` run: installs the packages where they are missing, then hands over to
 * TypeScript under Node 24. Runs on any Node >= 20 with nothing installed.
 */
import { arch, platform } from 'node:process';
import {
  findProjectNode,
  installPackages,
  MIN_NODE_MAJOR,
  missingPackages,
  runTypeScript,
} from '../lib/packages.mjs';

const TASKS = {
  start: { file: 'scripts/bin/start.ts', withDev: false },
  test: { file: 'scripts/bin/test.ts', withDev: true },
  pack: { file: 'scripts/build/package.ts', withDev: true },
};
const LABEL = 'packages  ';

async function main() {
  const [taskName = '', ...args] = process.argv.slice(2);
  const task = TASKS[taskName];
  if (task === undefined)
    fail(`expected ${Object.keys(TASKS).join(', ')}, got ${JSON.stringify(taskName)}.`);
  const major = Number(process.versions.node.split('.')[0]);
  if (major < MIN_NODE_MAJOR) {
    fail(`Node.js ${process.versions.node} is too old; expected ${MIN_NODE_MAJOR} or newer.`);
  }
  await ensurePackages(task.withDev);
  await runTypeScript(task.file, args);
}

async function ensurePackages(withDev) {
  const missing = missingPackages({ withDev });
  if (missing.length === 0 && findProjectNode() !== null) {
    process.stderr.write(`${LABEL}up to date\n`);
    return;
  }
  const nMissing = Math.max(missing.length, 1);
  const startMs = Date.now();
  process.stderr.write(`${LABEL}${nMissing} to install\n`);
  const print = (text) => {
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[2K${LABEL}${text}` : `${LABEL}${text}\n`);
  };
  const code = await installPackages({ withDev, nMissing, print });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K');
  if (code === 130) {
    process.stderr.write('\ninterrupted; run the same command again to continue\n');
    process.exit(130);
  }
  if (code !== 0)
    fail(
      'npm could not install the packages (the reason is above). Check the network, then run the same command again.',
      code,
    );
  if (findProjectNode() === null) {
    fail(
      `the package "node" brought no Node 24 for ${platform} ${arch}. Was npm told to ignore scripts? Try: npm rebuild node`,
    );
  }
  process.stderr.write(`${LABEL}installed in ${Math.round((Date.now() - startMs) / 1000)} s\n`);
}

function fail(message, code = 1) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(code);
}

await main();
