/** Formats of documents that are not text: which a file is by its first bytes, and its reader. */
import { isPictureFile } from '../../engine/vision/decode-picture.ts';
import type { ReadPicture } from '../../engine/vision/decode-picture.ts';
import type { Picture } from '../../engine/vision/picture.ts';
import { readCsv } from './csv.ts';
import { readDocx } from './docx.ts';
import { readEpub } from './epub.ts';
import { MAX_DOCUMENT_CHARS } from './limits.ts';
import type { Refuse } from './limits.ts';
import { readPdf } from './pdf.ts';
import { pictureSections } from './sections.ts';
import type { Section } from './sections.ts';
import type { FileType, TextType } from './types.ts';
import { FILE_TYPES, isPdf, isZip, typeOfName } from './types.ts';
import { isWebp } from './webp.ts';
import { ZipFile } from './zip.ts';

/** Entries that a ZIP file of the type has. */
const EPUB_MARK = 'META-INF/container.xml';
const DOCX_MARK = '[Content_Types].xml';

/** Sections of a file, none when it has no text. @throws {EngineError} E_REQUEST_INVALID */
export async function readDocument(
  bytes: Uint8Array,
  type: FileType,
  refuse: Refuse,
): Promise<readonly Section[]> {
  if (type === FILE_TYPES.csv) return readCsv(new TextDecoder().decode(bytes), refuse);
  if (isPdf(bytes)) {
    if (type !== FILE_TYPES.pdf) throw notOf(type, 'a PDF file', FILE_TYPES.pdf, refuse);
    return await readPdf(bytes, refuse);
  }
  if (!isZip(bytes))
    throw refuse(
      `is not of its content_type, ${type}, by its first bytes. Send the file's bytes in base64, with its own type`,
    );
  return await readZip(bytes, type, refuse);
}

async function readZip(
  bytes: Uint8Array,
  type: FileType,
  refuse: Refuse,
): Promise<readonly Section[]> {
  const zip = new ZipFile(bytes, refuse);
  if (zip.has(EPUB_MARK)) {
    if (type !== FILE_TYPES.epub) throw notOf(type, 'an EPUB file', FILE_TYPES.epub, refuse);
    return await readEpub(zip, refuse);
  }
  if (zip.has(DOCX_MARK)) {
    if (type !== FILE_TYPES.docx) throw notOf(type, 'an Office file', FILE_TYPES.docx, refuse);
    return await readDocx(zip, refuse);
  }
  throw refuse(`is a ZIP file, but not of its content_type, ${type}. Send one document at a time`);
}

/** What an uploaded file says, and how its text is to be read; of a picture, its pixels. */
export interface ReadFile {
  readonly type: TextType;
  readonly sections: readonly Section[];
  readonly picture?: Picture;
}

/**
 * Reads a file whose type nobody has said: it follows from its first bytes, of texts from its name.
 * @param see makes pixels of a file that is a picture by its first bytes
 * @throws {EngineError} E_REQUEST_INVALID, E_IMAGE_INVALID
 */
export async function readFile(
  bytes: Uint8Array,
  name: string,
  refuse: Refuse,
  see: (bytes: Uint8Array) => Promise<ReadPicture>,
): Promise<ReadFile> {
  if (isPicture(bytes))
    return { type: 'text/plain', ...pictureSections((await see(bytes)).picture) };
  if (isPdf(bytes)) return { type: 'text/plain', sections: await readPdf(bytes, refuse) };
  if (isZip(bytes)) {
    const zip = new ZipFile(bytes, refuse);
    if (zip.has(EPUB_MARK)) return { type: 'text/plain', sections: await readEpub(zip, refuse) };
    if (zip.has(DOCX_MARK)) return { type: 'text/plain', sections: await readDocx(zip, refuse) };
    throw refuse('is a ZIP file, but neither DOCX nor EPUB. Send one document at a time');
  }
  const type = typeOfName(name);
  const text = new TextDecoder().decode(bytes);
  if (text.length > MAX_DOCUMENT_CHARS)
    throw refuse(`has more than ${MAX_DOCUMENT_CHARS} characters of text. Split the document`);
  if (type === FILE_TYPES.csv) return { type: 'text/plain', sections: readCsv(text, refuse) };
  return { type, sections: [{ heading: '', text, location: null }] };
}

const isPicture = (bytes: Uint8Array): boolean => isWebp(bytes) || isPictureFile(bytes);

function notOf(type: string, what: string, expected: string, refuse: Refuse) {
  return refuse(`is ${what}, but its content_type is ${type}; expected ${expected}`);
}
