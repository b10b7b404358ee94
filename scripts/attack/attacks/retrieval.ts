/** Documents, passages and texts to embed. */
import { strToU8 } from 'fflate';
import { MAX_SECTIONS } from '../../../worker/documents/limits.ts';
import { FILE_TYPES } from '../../../worker/documents/types.ts';
import { bodyAttack } from '../attack.ts';
import type { Attack } from '../attack.ts';
import {
  base64Of,
  docxOf,
  docxParagraph,
  pageContent,
  pagesPdf,
  pdfStream,
  textPdf,
} from '../documents/make-documents.ts';
import type { Target } from '../target.ts';

const SENTENCE = 'The quick brown fox jumps over the lazy dog near the river bank. ';
const prose = (chars: number) =>
  SENTENCE.repeat(Math.ceil(chars / SENTENCE.length)).slice(0, chars);

const PATH = '/v1/collections/attack/documents';

async function addDocuments(target: Target, documents: readonly object[]) {
  const made = await target.post('/v1/collections', {
    name: 'attack',
    model: target.models.encoder,
  });
  const added = await target.post(PATH, { documents });
  await target.ask('/v1/collections/attack', { method: 'DELETE' });
  return made.status < 400 ? [added] : [made, added];
}

const documents = (
  name: string,
  what: string,
  make: () => readonly object[],
  isLong = false,
): Attack => ({
  name: `documents-${name}`,
  what,
  needs: 'encoder',
  isLong,
  run: (target) => addDocuments(target, make()),
});

const one = (content: string, content_type = 'text/plain') => [{ id: 'd', content, content_type }];

const file = (bytes: Uint8Array, type: keyof typeof FILE_TYPES) =>
  one(base64Of(bytes), FILE_TYPES[type]);

/** A page that is 200 MB of spaces. */
function pdfBomb(): Uint8Array {
  const content = new Uint8Array(200_000_000).fill(0x20);
  return pagesPdf([pdfStream(content, '/FlateDecode')]);
}

/** Forms that draw the next one 20 times each, eight deep. */
function pdfForms(): Uint8Array {
  const draw = '/X Do '.repeat(20);
  const forms = Array.from({ length: 8 }, (_, i) =>
    pdfStream(
      strToU8(i < 7 ? draw : pageContent(['again'])),
      '',
      '/Type /XObject /Subtype /Form /BBox [0 0 9 9] ' +
        `/Resources << /Font << /F 3 0 R >> /XObject << /X ${7 + i} 0 R >> >> `,
    ),
  );
  return pagesPdf([pdfStream(strToU8(draw))], forms);
}

const FILES: readonly Attack[] = [
  documents('pdf-bomb', 'a PDF that decodes to 200 MB', () => file(pdfBomb(), 'pdf'), true),
  documents('pdf-forms', 'a PDF that draws itself 20^8 times', () => file(pdfForms(), 'pdf')),
  documents('pdf-pages', 'a PDF of as many pages as are read', () =>
    file(textPdf(Array.from({ length: MAX_SECTIONS }, (_, i) => [`Page ${i}.`])), 'pdf'),
  ),
  documents('docx-bomb', 'a DOCX that decodes to 200 MB', () =>
    file(docxOf(docxParagraph(' '.repeat(200_000_000))), 'docx'),
  ),
  documents('docx-elements', 'a DOCX of 500,000 empty paragraphs', () =>
    file(docxOf('<w:p/>'.repeat(500_000)), 'docx'),
  ),
  documents('docx-depth', 'a DOCX of 100,000 levels', () =>
    file(docxOf('<w:p>'.repeat(100_000)), 'docx'),
  ),
  documents('csv-columns', 'a CSV of a million columns', () =>
    one(','.repeat(999_999), FILE_TYPES.csv),
  ),
  documents('csv-quotes', 'a CSV of open quotation marks', () =>
    one('"'.repeat(999_999), FILE_TYPES.csv),
  ),
];

export const RETRIEVAL: readonly Attack[] = [
  ...FILES,
  documents('540kb', '540 kB of prose', () => one(prose(540_000)), true),
  documents('one-letter', '500 kB of one letter', () => one('a'.repeat(500_000)), true),
  documents('spaces', '500 kB of spaces', () => one(' '.repeat(500_000) + 'a')),
  documents('headings', '20,000 headings', () => one('# a\n'.repeat(100_000), 'text/markdown')),
  documents('hashes', '500 kB of #', () => one('#'.repeat(500_000), 'text/markdown')),
  documents('markdown-spaces', 'a heading of spaces', () =>
    one(`# ${' '.repeat(300_000)}a ${'#'.repeat(100_000)} b`, 'text/markdown'),
  ),
  documents('tags', '500 kB of <', () => one('<a '.repeat(170_000), 'text/html')),
  documents('entities', '500 kB of &', () => one('&'.repeat(500_000), 'text/html')),
  documents('comments', 'open comments', () => one('<!-- '.repeat(100_000), 'text/html')),
  documents('scripts', 'open scripts', () => one('<script>'.repeat(60_000), 'text/html')),
  documents('deep-html', '100,000 nested elements', () =>
    one('<div>'.repeat(80_000) + 'a', 'text/html'),
  ),
  documents('deep-markdown', '100,000 nested quotes and lists', () =>
    one('> '.repeat(100_000) + '- '.repeat(100_000) + 'a', 'text/markdown'),
  ),
  documents('links', 'open links and emphasis', () =>
    one('[a]('.repeat(50_000) + '*_`'.repeat(50_000), 'text/markdown'),
  ),
  documents('combining-marks', '100,000 combining marks', () =>
    one('a' + '\u0301'.repeat(100_000)),
  ),
  documents('many', '1,000 small documents', () =>
    Array.from({ length: 64 }, (_, i) => ({ id: `d${i}`, content: prose(200) })),
  ),
  documents('metadata', 'large metadata', () => [
    {
      id: 'd',
      content: 'a',
      metadata: Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, 'v'])),
    },
  ]),
  bodyAttack({
    name: 'embed-many',
    what: '2,048 texts of 512 tokens',
    needs: 'encoder',
    isLong: true,
    path: '/v1/embeddings',
    body: ({ models }) => ({
      model: models.encoder,
      input: new Array<string>(256).fill(prose(1500)),
      truncate: true,
    }),
  }),
  bodyAttack({
    name: 'embed-one-letter',
    what: '3 MB of one letter',
    needs: 'encoder',
    path: '/v1/embeddings',
    body: ({ models }) => ({ model: models.encoder, input: 'a'.repeat(3_000_000), truncate: true }),
  }),
  bodyAttack({
    name: 'embed-prose',
    what: '4 MB of prose in 40 texts',
    needs: 'encoder',
    path: '/v1/embeddings',
    body: ({ models }) => ({
      model: models.encoder,
      input: new Array<string>(39).fill(prose(100_000)),
      truncate: true,
    }),
  }),
  bodyAttack({
    name: 'embed-accents',
    what: '3 MB of combining marks',
    needs: 'encoder',
    path: '/v1/embeddings',
    body: ({ models }) => ({
      model: models.encoder,
      input: 'a\u0301'.repeat(1_000_000),
      truncate: true,
    }),
  }),
  {
    name: 'search-filter',
    what: 'filters that are large and deep',
    needs: 'encoder',
    async run(target) {
      await target.post('/v1/collections', { name: 'attack', model: target.models.encoder });
      await target.post(PATH, { documents: one(prose(500)) });
      const search = (body: object) => target.post('/v1/collections/attack/search', body);
      const outcomes = [
        await search({ query: 'a'.repeat(1_000_000) }),
        await search({
          query: 'fox',
          filter: Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, i])),
        }),
        await search({ query: 'fox "' + '( OR NEAR * '.repeat(50_000) }),
        await search({ query: 'fox '.repeat(100_000), top_k: 100 }),
      ];
      await target.ask('/v1/collections/attack', { method: 'DELETE' });
      return outcomes;
    },
  },
  bodyAttack({
    name: 'rerank-many',
    what: '2,000 passages',
    needs: 'encoder',
    path: '/v1/rerank',
    body: ({ models }) => ({
      model: models.encoder,
      query: prose(2000),
      documents: new Array<string>(1000).fill(prose(2000)),
    }),
  }),
];
