/** A script of a test's own, bundled as those that deploy. */
import { join } from 'node:path';
import { build as esbuild } from 'esbuild';
import { bundleOptions } from '../../scripts/build/bundle.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';

/** @param entry path from the repository's root */
export async function bundleText(entry: string): Promise<string> {
  const { outputFiles } = await esbuild({
    ...bundleOptions(join(repoRoot, entry)),
    write: false,
    outdir: join(repoRoot, 'dist', 'tests'),
    logLevel: 'silent',
  });
  const script = outputFiles.find(({ path }) => path.endsWith('.js'));
  if (script === undefined) throw new Error(`${entry}: nothing was bundled`);
  return script.text;
}
