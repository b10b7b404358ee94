/** Formats of documents that are not text: which a file is by its first bytes, and its reader. */
import { readCsv } from './csv.ts';
import { readDocx } from './docx.ts';
import { readEpub } from './epub.ts';
import type { Refuse } from './limits.ts';
import { readPdf } from './pdf.ts';
import type { Section } from './sections.ts';
import type { FileType } from './types.ts';
import { FILE_TYPES, isPdf, isZip } from './types.ts';
import { ZipFile } from './zip.ts';

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
  const isEpub = zip.has('META-INF/container.xml');
  const isDocx = zip.has('[Content_Types].xml');
  if (isEpub) {
    if (type !== FILE_TYPES.epub) throw notOf(type, 'an EPUB file', FILE_TYPES.epub, refuse);
    return await readEpub(zip, refuse);
  }
  if (isDocx) {
    if (type !== FILE_TYPES.docx) throw notOf(type, 'an Office file', FILE_TYPES.docx, refuse);
    return await readDocx(zip, refuse);
  }
  throw refuse(`is a ZIP file, but not of its content_type, ${type}. Send one document at a time`);
}

function notOf(type: string, what: string, expected: string, refuse: Refuse) {
  return refuse(`is ${what}, but its content_type is ${type}; expected ${expected}`);
}
