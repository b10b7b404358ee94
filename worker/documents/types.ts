/** Types of files that are read in the documents script, and the first bytes that tell them. */

export const FILE_TYPES = {
  pdf: 'application/pdf',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  epub: 'application/epub+zip',
  csv: 'text/csv',
} as const;
export type FileType = (typeof FILE_TYPES)[keyof typeof FILE_TYPES];

/** Where a PDF's header may begin (ISO 32000-1, Annex H.3.4.1). */
const PDF_HEADER_BYTES = 1024;

export function isPdf(bytes: Uint8Array): boolean {
  return latin1(bytes.subarray(0, PDF_HEADER_BYTES)).includes('%PDF-');
}

export function isZip(bytes: Uint8Array): boolean {
  return latin1(bytes.subarray(0, 4)) === 'PK\x03\x04';
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
