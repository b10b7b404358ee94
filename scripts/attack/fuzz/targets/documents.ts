/** Readers of files of documents, through the function that the documents script calls. */
import { refusalOf } from '../../../../worker/documents/limits.ts';
import { FILE_TYPES } from '../../../../worker/documents/types.ts';
import type { FileType } from '../../../../worker/documents/types.ts';
import { docxOf, docxParagraph, epubOf, textPdf } from '../../documents/make-documents.ts';
import type { FuzzTarget, FuzzTargets } from '../fuzz-target.ts';
import { mutateBytes } from '../mutate.ts';

const CHAPTER = '<html><body><h1>One &amp; two</h1><p>The sea is <i>blue</i>.</p></body></html>';

const SEEDS: Readonly<Record<keyof typeof FILE_TYPES, readonly Uint8Array[]>> = {
  pdf: [textPdf([['The sea is blue.', 'Bread (warm) rises.'], ['a']])],
  docx: [
    docxOf(docxParagraph('The sea', 'Heading1') + docxParagraph('is &lt;blue&gt;.'), {
      'word/styles.xml': '<s><style w:styleId="Heading1"><name w:val="heading 1"/></style></s>',
    }),
  ],
  epub: [epubOf({ 'a.xhtml': CHAPTER, 'b c.xhtml': CHAPTER })],
  csv: [new TextEncoder().encode('a;b\n"1;\n";2\n\n3,4;"5""\n')],
};

export const documentTargets: FuzzTargets = async () => {
  // It imports what the build makes.
  const { readDocument } = await import('../../../../worker/documents/read-document.ts');
  return Object.entries(SEEDS).map(([name, seeds]): FuzzTarget => {
    const type: FileType = FILE_TYPES[name as keyof typeof FILE_TYPES];
    return {
      name,
      isMedia: true,
      run: (random) =>
        readDocument(mutateBytes(random.pick(seeds), random), type, refusalOf('content')),
    };
  });
};
