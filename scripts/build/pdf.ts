/**
 * pdf.js (the build for Workers in the package `unpdf`) with a bound on what a document's streams may decode to:
 * a few kilobytes can decode to gigabytes, and the library has no limit of its own. Every decoder takes its room
 * from `onRoom`'s function, which may refuse.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { distDir, repoRoot } from '../lib/paths.ts';
import type { Built } from './stamp.ts';

const SOURCE = join(repoRoot, 'node_modules', 'unpdf', 'dist', 'pdfjs.mjs');
const DIR = join(distDir, 'pdf');
const OUTPUT = join(DIR, 'pdfjs.mjs');

/** The document of a stream, by the number that the loading task has, too. */
const DOCUMENT = 'this.dict?.xref?.pdfManager?.docId';

interface Change {
  readonly what: string;
  readonly from: RegExp;
  readonly to: string;
  readonly count: number;
}

/** What is replaced, and how often it has to be there: another version of the library fails the build. */
const CHANGES: readonly Change[] = [
  {
    what: 'growth of a decoded stream',
    from: /(for\(;(\w)<\w;\)\2\*=2;)(const \w=new Uint8Array\(\2\);return \w\.set\((\w)\),this\.buffer=\w\})/g,
    to: `$1takeRoom(${DOCUMENT},$2-$4.byteLength);$3`,
    count: 1,
  },
  {
    // DecompressionStream takes no room, and decodes a whole stream before any of it is looked at.
    what: 'asynchronous decoding',
    from: /(\{static\{p\(this,"(?:Flate|Brotli)Stream"\)\}#e=)!0;/g,
    to: '$1!1;',
    count: 2,
  },
  {
    what: 'Brotli, which decodes at once',
    from: /readBlock\(\)\{(const \w=this\.stream\.getBytes\(\),\w=\w+\(new Int8Array)/g,
    to: `readBlock(){takeRoom(${DOCUMENT},1/0);$1`,
    count: 1,
  },
];

export function buildPdf(): Promise<Built> {
  const code = CHANGES.reduce(apply, readFileSync(SOURCE, 'utf8'));
  mkdirSync(DIR, { recursive: true });
  writeFileSync(OUTPUT, `let takeRoom=()=>{};export function onRoom(take){takeRoom=take}\n${code}`);
  return Promise.resolve({ inputs: [SOURCE, import.meta.filename], outputs: [OUTPUT] });
}

function apply(code: string, { what, from, to, count }: Change): string {
  const found = code.match(from)?.length ?? 0;
  if (found === count) return code.replace(from, to);
  throw new EngineError(
    'E_INTERNAL',
    `build: pdf.js: ${what}: expected ${count} places in ${SOURCE}, found ${found}.`,
  );
}
