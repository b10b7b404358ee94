#!/usr/bin/env node
/**
 * The `thimble` program. In a clone it finds the project's Node 24 and runs scripts/thimble.ts under it; in the
 * package there are bundles, which run under any Node that is new enough.
 */
import { existsSync } from 'node:fs';

const MIN_NODE = [20, 11];

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1])) {
  process.stderr.write(
    `error: Node.js ${process.versions.node} is too old; expected ${MIN_NODE.join('.')} or newer.\n`,
  );
  process.exit(1);
}
const bundle = new URL('../../dist/cli/thimble.js', import.meta.url);
if (existsSync(new URL('../thimble.ts', import.meta.url))) {
  const { runTypeScript } = await import('../lib/packages.mjs');
  await runTypeScript('scripts/thimble.ts', process.argv.slice(2));
} else {
  await import(bundle.href);
}
