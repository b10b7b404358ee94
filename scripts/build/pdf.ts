/**
 * pdf.js (the build for Workers in the package `unpdf`) with a bound on what a document's streams may decode to:
 * a few kilobytes can decode to gigabytes, and the library has no limit of its own. Every decoder takes its room
 * from a function of the caller's, which may refuse; another is told of each form that is drawn, since forms can draw
 * each other without end.
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
    to: `$1takeRoom(${DOCUMENT},$2-$4.byteLength,$2);$3`,
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
    what: 'the text of a page, and of each form that is drawn on it',
    from: /(async getTextContent\(\{stream:\w+,task:\w+,[^{}]*\}\)\{)/g,
    to: '$1const turn=takeForm(this.xref?.pdfManager?.docId);if(turn)await turn;',
    count: 1,
  },
  {
    // Nobody may wait for some of them, and a failure that nobody has seen ends a process of Node.
    what: 'pages that are fetched ahead',
    from: /(&&!(\w)\.has\((\w)\)&&\2\.put\(\3,)(\w\.fetchAsync\(\3\))\)/g,
    to: '$1handled($4))',
    count: 1,
  },
  {
    // Where the library ends a slice of its work it waits for a promise, which lets nobody else have a turn.
    what: 'the end of a slice',
    from: /(\{TILING:1,SHADING:2\},\w+=10,\w+=)Promise\.resolve\(\)/g,
    to: '$1{then(next){setTimeout(next,0)}}',
    count: 1,
  },
  {
    what: 'Brotli, which decodes at once',
    from: /readBlock\(\)\{(const \w=this\.stream\.getBytes\(\),\w=\w+\(new Int8Array)/g,
    to: `readBlock(){takeRoom(${DOCUMENT},1/0,1/0);$1`,
    count: 1,
  },
];

export function buildPdf(): Promise<Built> {
  const code = CHANGES.reduce(apply, readFileSync(SOURCE, 'utf8'));
  mkdirSync(DIR, { recursive: true });
  writeFileSync(
    OUTPUT,
    `let takeRoom,takeForm;const handled=promise=>{promise.catch(()=>{});return promise};export function onWork(room,form){takeRoom=room;takeForm=form}\n${code}`,
  );
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
