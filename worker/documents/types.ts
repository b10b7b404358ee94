/** Types of documents, and the first bytes and names of files that tell them. */

export const TEXT_TYPES = ['text/plain', 'text/markdown', 'text/html'] as const;
export type TextType = (typeof TEXT_TYPES)[number];

export const FILE_TYPES = {
  pdf: 'application/pdf',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  epub: 'application/epub+zip',
  csv: 'text/csv',
} as const;
export type FileType = (typeof FILE_TYPES)[keyof typeof FILE_TYPES];

/** Where a PDF's header may begin (ISO 32000-1, Annex H.3.4.1). */
const PDF_HEADER_BYTES = 1024;

/** Types of text, which has no first bytes that tell it, by the ending of a file's name. */
const TYPES_BY_ENDING: Readonly<Record<string, TextType | typeof FILE_TYPES.csv>> = {
  md: 'text/markdown',
  markdown: 'text/markdown',
  html: 'text/html',
  htm: 'text/html',
  xhtml: 'text/html',
  csv: FILE_TYPES.csv,
  tsv: FILE_TYPES.csv,
};

/** Types of pictures; what a file is, its first bytes decide. */
export const PICTURE_TYPES = ['image/png', 'image/jpeg', 'image/webp', 'image/gif'] as const;
export type PictureType = (typeof PICTURE_TYPES)[number];

export function typeOfName(name: string): TextType | typeof FILE_TYPES.csv {
  const ending = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  return Object.hasOwn(TYPES_BY_ENDING, ending) ? TYPES_BY_ENDING[ending]! : 'text/plain';
}

export function isPdf(bytes: Uint8Array): boolean {
  return latin1(bytes.subarray(0, PDF_HEADER_BYTES)).includes('%PDF-');
}

export function isZip(bytes: Uint8Array): boolean {
  return latin1(bytes.subarray(0, 4)) === 'PK\x03\x04';
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
