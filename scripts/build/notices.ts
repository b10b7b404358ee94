/**
 * THIRD-PARTY-NOTICES.md: the licences of all packages that are bundled into the scripts and pages, found in
 * what the steps of the build have read. Run after a build: node scripts/build/notices.ts
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { EngineError } from '../../engine/base/errors.ts';
import { distDir, repoRoot } from '../lib/paths.ts';

export const NOTICES_PATH = join(repoRoot, 'THIRD-PARTY-NOTICES.md');
const LICENCES = join(repoRoot, 'scripts/build/licences');

export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly licence: string;
  /** Its licence files and notices. */
  readonly texts: readonly string[];
}

/** Not in any stamp: the compiler puts its standard library into the kernels. */
const COMPILED_IN = ['assemblyscript'];
const LICENCE_FILE = /^(licen[cs]e|copying|notice)(\.(md|txt))?$/i;
/** Packages without a licence file: who holds the copyright, and what else is inside. */
const WITHOUT_FILE: Readonly<Record<string, { copyright: string; files: readonly string[] }>> = {
  'onnxruntime-web': { copyright: 'Copyright (c) Microsoft Corporation', files: ['mit.txt'] },
  'opus-decoder': {
    copyright: 'Copyright (c) Ethan Halsall',
    files: ['mit.txt', 'libopus.txt'],
  },
  saxes: {
    copyright:
      'Copyright (c) Louis-Dominique Dubeau\nDerived from sax: Copyright (c) Isaac Z. Schlueter and Contributors',
    files: ['isc.txt'],
  },
};

/** What a package holds of others beside its own licence: who holds the copyright, and their licence, from the root. */
const INSIDE: Readonly<Record<string, { copyright: string; file: string }>> = {
  '@evan/opus': { copyright: 'Contains libopus', file: 'scripts/build/licences/libopus.txt' },
  '@jsquash/webp': { copyright: 'Contains libwebp', file: 'scripts/build/licences/libwebp.txt' },
  unpdf: {
    copyright:
      'Contains pdf.js: Copyright Mozilla Foundation, changed as scripts/build/pdf.ts says',
    file: 'LICENSE',
  },
};

/** Data that weights in this repository were made of. */
const DATA = [
  'assets/moderation: trained on the labels of github.com/t-davidson/hate-speech-and-offensive-language (MIT, ' +
    'Copyright (c) 2017 Tom Davidson) and on sentences of Tatoeba (tatoeba.org, CC BY 2.0 FR) as collected by ' +
    'manythings.org/anki. No text of either is in the weights.',
  'assets/late-interaction: trained for all-MiniLM-L6-v2 (Apache-2.0) on stories of TinyStories (CDLA-Sharing-1.0), ' +
    "on descriptions of OpenAI's OpenAPI file (MIT), and on documents of this project. No text of them is in the weights.",
  'assets/adapters/english-french: trained for SmolLM2 135M Instruct (Apache-2.0) on sentences of Tatoeba (tatoeba.org, CC BY 2.0 FR) ' +
    'as collected by manythings.org/anki; some others of them, to measure on, lie beside it.',
  'assets/adapters/extractor: trained for SmolLM2 135M Instruct (Apache-2.0) on texts that this project makes up (Apache-2.0).',
  'assets/adapters/shop: trained for SmolLM2 135M Instruct (Apache-2.0) on conversations that this project makes up (Apache-2.0).',
  'assets/adapters/eyes: trained for SmolLM2 135M Instruct and over EfficientNet-Lite0 (Apache-2.0) on photographs of OpenStax (CC BY; ' +
    'access for free at openstax.org), of the Library of Congress and of others, on drawings of the Open Clip Art Library, and on ' +
    'easy-VQA (MIT, Copyright (c) 2019 Victor Zhou); assets/captions has the licence and the credit of each. No picture is in it.',
  'assets/space: trained for all-MiniLM-L6-v2 and over EfficientNet-Lite0 (Apache-2.0) on photographs of OpenStax (CC BY; access for ' +
    'free at openstax.org), of the Library of Congress and of others, on drawings of the Open Clip Art Library and their captions; ' +
    'pictures.jsonl beside it has the licence and the credit of each. No picture and no caption of them is in it.',
  'assets/stories260k: by Andrej Karpathy (MIT); its licence lies beside it.',
  'assets/mini: weights trained by this project (Apache-2.0); the card beside them names the data, of which the recordings of the Free Spoken Digit Dataset (CC-BY-SA-4.0) are no part.',
];

/** Packages whose files a step of the last build has read, by name. @throws {EngineError} E_USAGE without a build */
export function bundledPackages(): BundledPackage[] {
  const folder = join(distDir, '.stamps');
  if (!existsSync(folder))
    throw new EngineError('E_USAGE', 'notices: nothing is built. Run: npm run build');
  const names = new Set(COMPILED_IN);
  for (const file of readdirSync(folder)) {
    const { inputs } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
      inputs: Record<string, string>;
    };
    for (const path of Object.keys(inputs)) {
      const name = packageOf(path);
      if (name !== null) names.add(name);
    }
  }
  return [...names].sort().map(readPackage);
}

/** The package that a file belongs to; null for our own. */
export function packageOf(path: string): string | null {
  const [, inside] = /.*node_modules\/(.+)$/.exec(path) ?? [];
  if (inside === undefined) return null;
  return inside
    .split('/')
    .slice(0, inside.startsWith('@') ? 2 : 1)
    .join('/');
}

export function readPackage(name: string): BundledPackage {
  const folder = join(repoRoot, 'node_modules', name);
  const { version, license = '' } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as { version: string; license?: string };
  const files = readdirSync(folder).filter((file) => LICENCE_FILE.test(file));
  const own = files.sort().map((file) => readFileSync(join(folder, file), 'utf8'));
  const texts = own.length > 0 ? own : textsWithoutFile(name);
  return { name, version, licence: license, texts: [...texts, ...textsInside(name)].map(tidy) };
}

function textsWithoutFile(name: string): string[] {
  const known = WITHOUT_FILE[name];
  if (known === undefined)
    throw new EngineError(
      'E_INTERNAL',
      `notices: ${name} has no licence file; expected a row in WITHOUT_FILE of scripts/build/notices.ts.`,
    );
  const [first, ...rest] = known.files.map((file) => readFileSync(join(LICENCES, file), 'utf8'));
  return [`${known.copyright}\n\n${first ?? ''}`, ...rest];
}

function textsInside(name: string): string[] {
  const inside = INSIDE[name];
  if (inside === undefined) return [];
  return [`${inside.copyright}\n\n${readFileSync(join(repoRoot, inside.file), 'utf8')}`];
}

function tidy(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll(/[ \t]+$/gm, '')
    .trim();
}

export function noticesText(packages: readonly BundledPackage[]): string {
  const rows = packages.map(
    ({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`,
  );
  const sections = packages.map(
    ({ name, version, texts }) =>
      `## ${name} ${version}\n\n${texts.map((text) => `\`\`\`text\n${text}\n\`\`\``).join('\n\n')}`,
  );
  return [
    '# Third-party notices',
    'Packages that are bundled into the scripts and pages of this project. Written by `node scripts/build/notices.ts`.',
    ['| package | version | licence |', '| --- | --- | --- |', ...rows].join('\n'),
    DATA.map((line) => `- ${line}`).join('\n'),
    ...sections,
  ]
    .join('\n\n')
    .concat('\n');
}

if (process.argv[1] === import.meta.filename)
  writeFileSync(NOTICES_PATH, noticesText(bundledPackages()));
