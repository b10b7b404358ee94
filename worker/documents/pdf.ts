/**
 * PDF, page by page, with pdf.js. Its text comes in pieces with their places; lines and paragraphs are made of them
 * here. What a document's streams decode to is bounded (scripts/build/pdf.ts).
 */
import { getDocument, onWork, VerbosityLevel } from '../../dist/pdf/pdfjs.mjs';
import type { PdfDocument, PdfPage, PdfTextItem } from '../../dist/pdf/pdfjs.mjs';
import { EngineError } from '../../engine/base/errors.ts';
import { takeTurn } from '../platform/turns.ts';
import {
  decodesToTooMuch,
  MAX_DECODED_BYTES,
  MAX_DOCUMENT_CHARS,
  MAX_SECTIONS,
  MAX_STREAM_BYTES,
  SectionList,
} from './limits.ts';
import type { Refuse } from './limits.ts';
import { pageText } from './page-text.ts';
import type { Section } from './sections.ts';

/** Pieces of text of one page; most are a line or a word. */
export const MAX_PAGE_ITEMS = 200_000;

/** Pages of a document, and forms drawn on them, each as often as it is drawn. */
export const MAX_FORMS = 20_000;
/** Forms that are drawn before others have a turn; one takes about a quarter of a millisecond. */
const FORMS_A_TURN = 128;

/** What an open document has taken. */
interface Work {
  decodedBytes: number;
  nForm: number;
  /** Why reading has to end. The library may go on after an error, so that the reader looks here after every step. */
  excess: ((refuse: Refuse) => EngineError) | null;
}

/** By pdf.js's id of the document. */
const works = new Map<string, Work>();

onWork(
  (document, bytes, streamBytes) => {
    // Streams without a dictionary are parts of streams that have one.
    const work = works.get(document ?? '');
    if (work === undefined) return;
    work.decodedBytes += bytes;
    if (streamBytes > MAX_STREAM_BYTES || work.decodedBytes > MAX_DECODED_BYTES)
      work.excess ??= decodesToTooMuch;
    if (work.excess !== null) throw new RangeError('too much');
  },
  (document) => {
    const work = works.get(document ?? '');
    if (work === undefined) return null;
    if (++work.nForm > MAX_FORMS) work.excess ??= drawsTooMuch;
    if (work.excess !== null) throw new RangeError('too much');
    return work.nForm % FORMS_A_TURN === 0 ? takeTurn() : null;
  },
);

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
  const work: Work = { decodedBytes: 0, nForm: 0, excess: null };
  works.set(task.docId, work);
  const checkRoom = (): void => {
    if (work.excess !== null) throw work.excess(refuse);
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
    works.delete(task.docId);
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

function drawsTooMuch(refuse: Refuse): EngineError {
  return refuse(
    `draws more than ${MAX_FORMS} pages and forms. Split the document, or send its text`,
  );
}

function whyNot(error: unknown): string {
  const name = error instanceof Error ? error.name : '';
  return name === 'PasswordException'
    ? 'is encrypted. Save it without a password'
    : 'is a damaged PDF file. Save the document again';
}
