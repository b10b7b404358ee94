/** Writers of small documents in the formats that collections read, for tests and attacks. */
import { strToU8, zipSync, zlibSync } from 'fflate';

/** A stream of a PDF, compressed when `filter` says so. */
export function pdfStream(content: Uint8Array, filter = '', more = ''): string {
  const packed = filter === '/FlateDecode' ? zlibSync(content) : content;
  const filters = filter === '' ? '' : `/Filter ${filter} `;
  return `<< ${filters}${more}/Length ${packed.length} >>\nstream\n${latin1(packed)}\nendstream`;
}

/**
 * A PDF of numbered objects, the first of which is the catalog, with a table of where they are.
 * @param objects as text; a character is a byte
 */
export function pdfOf(objects: readonly string[]): Uint8Array {
  let text = '%PDF-1.7\n';
  const offsets = objects.map((object, i) => {
    const offset = text.length;
    text += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(offset).padStart(10, '0')} 00000 n \n`;
  });
  const start = text.length;
  const size = objects.length + 1;
  text += `xref\n0 ${size}\n0000000000 65535 f \n${offsets.join('')}`;
  text += `trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return bytesOf(text);
}

/** A PDF with lines of text on each page; the content of pages is compressed. */
export function textPdf(pages: readonly (readonly string[])[]): Uint8Array {
  return pagesPdf(pages.map((lines) => pdfStream(strToU8(pageContent(lines)), '/FlateDecode')));
}

/** A PDF of pages that have these streams, and the objects after them. */
export function pagesPdf(streams: readonly string[], more: readonly string[] = []): Uint8Array {
  const first = 4;
  const kids = streams.map((_, i) => `${first + 2 * i} 0 R`).join(' ');
  const resources = `/Resources << /Font << /F 3 0 R >> /XObject << /X ${first + 2 * streams.length} 0 R >> >>`;
  return pdfOf([
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${kids}] /Count ${streams.length} >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    ...streams.flatMap((stream, i) => [
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] ${resources} /Contents ${first + 2 * i + 1} 0 R >>`,
      stream,
    ]),
    ...more,
  ]);
}

export function pageContent(lines: readonly string[]): string {
  const shown = lines.map((line) => `(${line.replaceAll(/[\\()]/g, '\\$&')}) Tj T*`);
  return `BT /F 12 Tf 14 TL 72 720 Td ${shown.join('\n')} ET`;
}

/** @param body of the main document, in WordprocessingML; @param more files beside it */
export function docxOf(body: string, more: Readonly<Record<string, string>> = {}): Uint8Array {
  const main = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml';
  return zipOf({
    '[Content_Types].xml':
      '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">' +
      `<Override PartName="/word/document.xml" ContentType="${main}"/></Types>`,
    '_rels/.rels':
      '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">' +
      '<Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" ' +
      'Target="word/document.xml"/></Relationships>',
    'word/document.xml':
      '<?xml version="1.0" encoding="UTF-8"?><w:document ' +
      `xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${body}</w:body></w:document>`,
    ...more,
  });
}

/** A paragraph of a DOCX; its text is XML. */
export function docxParagraph(text: string, style = ''): string {
  const properties = style === '' ? '' : `<w:pPr><w:pStyle w:val="${style}"/></w:pPr>`;
  return `<w:p>${properties}<w:r><w:t xml:space="preserve">${text}</w:t></w:r></w:p>`;
}

/** @param chapters as XHTML, by their file names */
export function epubOf(
  chapters: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>> = {},
): Uint8Array {
  const names = Object.keys(chapters);
  const items = names.map(
    (name, i) => `<item id="c${i}" href="${encodeURI(name)}" media-type="application/xhtml+xml"/>`,
  );
  const order = names.map((_, i) => `<itemref idref="c${i}"/>`);
  return zipOf({
    mimetype: 'application/epub+zip',
    'META-INF/container.xml':
      '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">' +
      '<rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
    'OEBPS/book.opf':
      '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">' +
      `<manifest>${items.join('')}</manifest><spine>${order.join('')}</spine></package>`,
    ...Object.fromEntries(names.map((name) => [`OEBPS/${name}`, chapters[name]!])),
    ...more,
  });
}

export function zipOf(files: Readonly<Record<string, string | Uint8Array>>): Uint8Array {
  return zipSync(
    Object.fromEntries(
      Object.entries(files).map(([name, content]) => [
        name,
        typeof content === 'string' ? strToU8(content) : content,
      ]),
    ),
    { mtime: new Date(2020, 0, 1) },
  );
}

export function base64Of(bytes: Uint8Array): string {
  return btoa(latin1(bytes));
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  const step = 8192;
  for (let at = 0; at < bytes.length; at += step)
    text += String.fromCharCode(...bytes.subarray(at, at + step));
  return text;
}
