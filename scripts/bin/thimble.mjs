#!/usr/bin/env node
/** The `thimble` program: finds the project's Node 24 and runs scripts/thimble.ts under it. */
import { runTypeScript } from '../lib/packages.mjs';

await runTypeScript('scripts/thimble.ts', process.argv.slice(2));
