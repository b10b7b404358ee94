/**
 * PDF, page by page, with pdf.js. Its text comes in pieces with their places; lines and paragraphs are made of them
 * here. What a document's streams decode to is bounded (scripts/build/pdf.ts).
 */
import { getDocument, onRoom, VerbosityLevel } from '../../dist/pdf/pdfjs.mjs';
import type { PdfDocument, PdfPage, PdfTextItem } from '../../dist/pdf/pdfjs.mjs';
import { EngineError } from '../../engine/base/errors.ts';
import { takeTurn } from '../platform/turns.ts';
import {
  decodesToTooMuch,
  MAX_DECODED_BYTES,
  MAX_DOCUMENT_CHARS,
  MAX_SECTIONS,
  SectionList,
} from './limits.ts';
import type { Refuse } from './limits.ts';
import { pageText } from './page-text.ts';
import type { Section } from './sections.ts';

/** Pieces of text of one page; most are a line or a word. */
export const MAX_PAGE_ITEMS = 200_000;

/** Bytes that each open document has decoded, by pdf.js's id of it. */
const decodedBytes = new Map<string, number>();

onRoom((document, bytes) => {
  // Streams without a dictionary are parts of streams that have one.
  if (document === undefined) return;
  const sum = (decodedBytes.get(document) ?? 0) + bytes;
  decodedBytes.set(document, sum);
  // The library may go on after this; the reader looks at the sum after every step.
  if (sum > MAX_DECODED_BYTES) throw new RangeError(`more than ${MAX_DECODED_BYTES} bytes`);
});

/** @throws {EngineError} E_REQUEST_INVALID */
export async function readPdf(bytes: Uint8Array, refuse: Refuse): Promise<readonly Section[]> {
  const task = getDocument({
    // The library takes the buffer for itself.
    data: bytes.slice(),
    isEvalSupported: false,
    disableFontFace: true,
    useSystemFonts: false,
    useWorkerFetch: false,
    enableXfa: false,
    verbosity: VerbosityLevel.ERRORS,
  });
  const checkRoom = (): void => {
    if ((decodedBytes.get(task.docId) ?? 0) > MAX_DECODED_BYTES) throw decodesToTooMuch(refuse);
  };
  try {
    const document = await task.promise;
    checkRoom();
    return await readPages(document, checkRoom, refuse);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    checkRoom();
    throw refuse(whyNot(error));
  } finally {
    decodedBytes.delete(task.docId);
    await task.destroy();
  }
}

async function readPages(
  document: PdfDocument,
  checkRoom: () => void,
  refuse: Refuse,
): Promise<readonly Section[]> {
  const { numPages } = document;
  if (numPages > MAX_SECTIONS)
    throw refuse(`has ${numPages} pages; expected at most ${MAX_SECTIONS}. Split the document`);
  const list = new SectionList(refuse);
  for (let number = 1; number <= numPages; number++) {
    const page = await document.getPage(number);
    const items = await readItems(page, number, checkRoom, refuse);
    checkRoom();
    page.cleanup();
    const location = { unit: 'page', first: number, last: number } as const;
    list.add({ heading: '', text: pageText(items), location });
    await takeTurn();
  }
  if (list.sections.length === 0)
    throw refuse(
      'has no text; its pages may be pictures of text. Recognise the text first (OCR), and send that',
    );
  return list.sections;
}

/** A hostile page draws parts of itself again and again: reading ends when there is more than a document may have. */
async function readItems(
  page: PdfPage,
  number: number,
  checkRoom: () => void,
  refuse: Refuse,
): Promise<PdfTextItem[]> {
  const items: PdfTextItem[] = [];
  let nChar = 0;
  const reader = page.streamTextContent().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return items;
      for (const item of value.items) {
        items.push(item);
        nChar += item.str.length;
      }
      if (nChar > MAX_DOCUMENT_CHARS || items.length > MAX_PAGE_ITEMS)
        throw refuse(
          `page ${number} has more than ${MAX_DOCUMENT_CHARS} characters or ${MAX_PAGE_ITEMS} pieces of text. ` +
            'Send the text itself',
        );
      checkRoom();
    }
  } catch (error) {
    // Without an error as its reason the library does not see that the stream is cancelled.
    await reader.cancel(error instanceof Error ? error : new Error('unreadable'));
    throw error;
  }
}

function whyNot(error: unknown): string {
  const name = error instanceof Error ? error.name : '';
  return name === 'PasswordException'
    ? 'is encrypted. Save it without a password'
    : 'is a damaged PDF file. Save the document again';
}
