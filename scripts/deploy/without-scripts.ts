/** A wrangler.toml without its bindings to scripts that are too large for a plan. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { distDir, repoRoot } from '../lib/paths.ts';

/** Tables of bindings end at the next table or empty line. */
const BINDING = /\n\[\[durable_objects\.bindings\]\]\n(?:[^\n[]+\n)*?script_name = "([^"]+)"\n/g;

export function withoutBindings(toml: string, absent: readonly string[]): string {
  return toml.replaceAll(BINDING, (binding, script: string) =>
    absent.includes(script) ? '' : binding,
  );
}

/**
 * Written beside the bundles, whose paths it names from there.
 * @returns the path of a configuration to deploy, relative to the repository
 */
export function writeConfigWithout(config: string, absent: readonly string[]): string {
  const toml = withoutBindings(readFileSync(join(repoRoot, config), 'utf8'), absent);
  writeFileSync(join(distDir, 'wrangler.free.toml'), toml.replaceAll('"dist/', '"'));
  return 'dist/wrangler.free.toml';
}
