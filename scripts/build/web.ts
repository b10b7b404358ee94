/**
 * The pages of web/ as one HTML file each in dist/web/: scripts and style bundled, minified and written
 * into the page, so that the gateway serves it as one string and the browser asks for nothing else.
 */
import type { OutputFile, Plugin } from 'esbuild';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { distDir, repoRoot } from '../lib/paths.ts';
import type { Built } from './stamp.ts';

/** Folders of web/ with an index.html, a style.css and a main.ts. */
const PAGES: readonly string[] = ['chat', 'docs'];
const STYLE = '<link rel="stylesheet" href="style.css" />';
const SCRIPT = '<script type="module" src="main.ts"></script>';

/** @throws {EngineError} E_INTERNAL when a page does not compile or lacks its links. */
export async function buildWeb(): Promise<Built> {
  const inputs: string[] = [import.meta.filename];
  const outputs: string[] = [];
  const { stop } = await import('esbuild');
  try {
    mkdirSync(join(distDir, 'web'), { recursive: true });
    for (const page of PAGES) {
      const folder = join(repoRoot, 'web', page);
      const bundle = await bundlePage(folder);
      const html = join(folder, 'index.html');
      const output = join(distDir, 'web', `${page}.html`);
      writeFileSync(output, inlinePage(readFileSync(html, 'utf8'), bundle));
      inputs.push(html, ...bundle.inputs);
      outputs.push(output);
    }
    return { inputs, outputs };
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError('E_INTERNAL', `build: web: ${text}`, { cause });
  } finally {
    await stop();
  }
}

export interface PageBundle {
  readonly style: string;
  readonly script: string;
}

/** The page with its style and script in place of the links to them. */
export function inlinePage(html: string, { style, script }: PageBundle): string {
  // Line breaks stay, as white space between words; the indentation says nothing to a browser.
  const page = html.replaceAll(/\n\s+/g, '\n');
  return [
    [STYLE, `<style>${style}</style>`],
    [SCRIPT, `<script type="module">${script}</script>`],
  ].reduce((text, [link = '', inlined = '']) => {
    const [before, after, ...more] = text.split(link);
    if (before === undefined || after === undefined || more.length > 0)
      throw new Error(`expected one ${link} in index.html`);
    return before + inlined + after;
  }, page);
}

async function bundlePage(folder: string): Promise<PageBundle & { readonly inputs: string[] }> {
  const worklets = workletPlugin();
  const { files, inputs } = await bundle(
    ['main.ts', 'style.css'].map((name) => join(folder, name)),
    [worklets.plugin],
  );
  const textOf = (ending: string): string => {
    const text = files.find(({ path }) => path.endsWith(ending))?.text.trim() ?? '';
    // esbuild writes <\/script> in strings; what it does not know of would end the element early.
    if (/<\/(script|style)/i.test(text)) throw new Error(`${folder}: ${ending} ends its element`);
    return text;
  };
  return {
    // The parser of Markdown brings a writer of HTML that is not used: its literal must not look like an element of
    // the page. As code these characters would not parse, so they are in a literal, where the escape means the same.
    script: textOf('.js').replaceAll('<img src=', String.raw`\x3Cimg src=`),
    style: textOf('.css'),
    inputs: [...inputs, ...worklets.inputs],
  };
}

/** `worklet:./file.ts` is that module bundled by itself, as a string. */
function workletPlugin(): { readonly plugin: Plugin; readonly inputs: string[] } {
  const inputs: string[] = [];
  const plugin: Plugin = {
    name: 'worklet',
    setup(setup) {
      setup.onResolve({ filter: /^worklet:/ }, ({ path, resolveDir }) => ({
        path: resolve(resolveDir, path.slice('worklet:'.length)),
        namespace: 'worklet',
      }));
      setup.onLoad({ filter: /.*/, namespace: 'worklet' }, async ({ path }) => {
        const worklet = await bundle([path], []);
        inputs.push(...worklet.inputs);
        return { contents: worklet.files[0]?.text.trim() ?? '', loader: 'text' };
      });
    },
  };
  return { plugin, inputs };
}

async function bundle(
  entryPoints: string[],
  plugins: Plugin[],
): Promise<{ readonly files: readonly OutputFile[]; readonly inputs: string[] }> {
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    absWorkingDir: repoRoot,
    entryPoints,
    plugins,
    outdir: distDir,
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
    charset: 'utf8',
    minify: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'silent',
  });
  const inputs = Object.keys(metafile.inputs).filter((path) => !path.startsWith('worklet:'));
  return { files: outputFiles, inputs: inputs.map((path) => resolve(repoRoot, path)) };
}
