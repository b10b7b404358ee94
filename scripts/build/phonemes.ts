/**
 * The English half of `phonemize` (MIT) as one module, its dictionary packed
 * (engine/voice/packed-dictionary.ts): the package's own form takes 32 MB of heap.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { packDictionary } from '../../engine/voice/packed-dictionary.ts';
import { distDir, repoRoot } from '../lib/paths.ts';
import type { Built } from './stamp.ts';

const PACKAGE_DIST = join(repoRoot, 'node_modules', 'phonemize', 'dist');
const G2P = join(PACKAGE_DIST, 'en-g2p.mjs');
const DICTIONARY = join(PACKAGE_DIST, 'en', 'exceptions.json');
const PACKER = join(repoRoot, 'engine', 'voice', 'packed-dictionary.ts');
const INPUTS: readonly string[] = [G2P, DICTIONARY, PACKER, import.meta.filename];
const OUTPUT = join(distDir, 'phonemes', 'english-g2p.mjs');

/** The package copies its dictionary, which a packed one cannot be. */
const COPY = 'Object.assign(Object.create(null),resolveJson(lookupTable))';

export async function buildPhonemes(): Promise<Built> {
  const { build, stop } = await import('esbuild');
  try {
    mkdirSync(join(distDir, 'phonemes'), { recursive: true });
    await build({
      entryPoints: [G2P],
      outfile: OUTPUT,
      bundle: true,
      format: 'esm',
      platform: 'neutral',
      target: 'es2024',
      charset: 'utf8',
      minify: true,
      keepNames: true,
      legalComments: 'none',
      logLevel: 'silent',
      plugins: [
        {
          name: 'packed-dictionary',
          setup(build) {
            build.onLoad({ filter: /en-g2p\.mjs$/ }, () => ({
              contents: withoutCopy(),
              loader: 'js',
            }));
            build.onLoad({ filter: /exceptions\.json$/ }, () => ({
              contents: packedModule(),
              loader: 'js',
              resolveDir: repoRoot,
            }));
          },
        },
      ],
    });
    return { inputs: INPUTS, outputs: [OUTPUT] };
  } finally {
    await stop();
  }
}

function withoutCopy(): string {
  const text = readFileSync(G2P, 'utf8');
  if (!text.includes(COPY))
    throw new EngineError(
      'E_INTERNAL',
      'build: phonemize no longer copies its dictionary as expected; see scripts/build/phonemes.ts.',
    );
  return text.replace(COPY, 'resolveJson(lookupTable)');
}

function packedModule(): string {
  const entries = JSON.parse(readFileSync(DICTIONARY, 'utf8')) as Record<string, string>;
  const packed = JSON.stringify(packDictionary(entries));
  return `import { dictionaryObject } from ${JSON.stringify(PACKER)};\nexport default dictionaryObject(${packed});\n`;
}
