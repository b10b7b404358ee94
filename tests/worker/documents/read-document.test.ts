/** Documents that people have, read into text with its pages; those of attackers, refused with a reason. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strToU8 } from 'fflate';
import { describe, expect, test } from 'vitest';
import {
  docxOf,
  docxParagraph,
  epubOf,
  pageContent,
  pagesPdf,
  pdfOf,
  pdfStream,
  textPdf,
  zipOf,
} from '../../../scripts/attack/documents/make-documents.ts';
import { MAX_COLUMNS } from '../../../worker/documents/csv.ts';
import {
  MAX_DECODED_BYTES,
  MAX_DOCUMENT_CHARS,
  MAX_SECTIONS,
  MAX_STREAM_BYTES,
  refusalOf,
} from '../../../worker/documents/limits.ts';
import { MAX_FORMS } from '../../../worker/documents/pdf.ts';
import { readDocument } from '../../../worker/documents/read-document.ts';
import { FILE_TYPES } from '../../../worker/documents/types.ts';
import type { FileType } from '../../../worker/documents/types.ts';
import { MAX_XML_DEPTH } from '../../../worker/documents/xml.ts';
import { MAX_ENTRIES } from '../../../worker/documents/zip.ts';

const { pdf, docx, epub, csv } = FILE_TYPES;
const NAME = 'documents[0].content';
const read = (bytes: Uint8Array, type: FileType) => readDocument(bytes, type, refusalOf(NAME));
const readText = (text: string, type: FileType) => read(strToU8(text), type);

async function refusal(read: Promise<unknown>): Promise<string> {
  const error = (await read.then(
    () => null,
    (cause: unknown) => cause,
  )) as { code: string; param: string; message: string } | null;
  expect(error).toMatchObject({ code: 'E_REQUEST_INVALID', param: NAME });
  return error!.message;
}

/** The text of an XML or HTML file of an archive as Python's standard library reads it, without white space. */
function pythonText(bytes: Uint8Array, name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'thimble-documents-'));
  try {
    const path = join(folder, 'file.zip');
    writeFileSync(path, bytes);
    const program =
      'import sys, zipfile, xml.etree.ElementTree as E\n' +
      'root = E.fromstring(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))\n' +
      "body = next((e for e in root.iter() if e.tag.endswith('body')), root)\n" +
      "sys.stdout.buffer.write(''.join(body.itertext()).encode())\n";
    const { stdout, stderr, status } = spawnSync('python3', ['-c', program, path, name]);
    expect([status, stderr.toString()]).toEqual([0, '']);
    return withoutSpace(stdout.toString());
  } finally {
    rmSync(folder, { recursive: true });
  }
}
const withoutSpace = (text: string) => text.replaceAll(/\s+/g, '');
const hasPython = spawnSync('python3', ['--version']).status === 0;

describe('PDF', () => {
  test('pages have their numbers, those without text have none', async () => {
    const sections = await read(textPdf([['The sea is blue.'], [], ['Bread (warm) rises.']]), pdf);
    expect(sections).toEqual([
      { heading: '', text: 'The sea is blue.', location: { unit: 'page', first: 1, last: 1 } },
      { heading: '', text: 'Bread (warm) rises.', location: { unit: 'page', first: 3, last: 3 } },
    ]);
  });

  test('full lines are joined to sentences, and divided words to words', async () => {
    const lines = [
      'A harbour town in the north has a light-',
      'house whose keeper writes down the wea-',
      'ther and the ships of every single day in',
      'a book.',
      'Another row.',
    ];
    const [section] = await read(textPdf([lines]), pdf);
    expect(section!.text).toBe(
      'A harbour town in the north has a lighthouse whose keeper writes down the weather and the ships of ' +
        'every single day in a book.\nAnother row.',
    );
  });

  test('a PDF without text is refused: it may be a scan', async () => {
    expect(await refusal(read(textPdf([[]]), pdf))).toContain('OCR');
  });

  test('what is damaged anywhere is read or refused, never more', async () => {
    const whole = textPdf([['The sea is blue.'], ['Bread rises.']]);
    for (let at = 8; at < whole.length; at += 37) {
      const damaged = whole.slice();
      damaged[at]! ^= 0xff;
      for (const bytes of [damaged, whole.subarray(0, at)])
        await read(bytes, pdf).catch((error: unknown) =>
          expect(error).toMatchObject({ code: 'E_REQUEST_INVALID' }),
        );
    }
  });

  const bomb = (bytes: number) => {
    const content = new Uint8Array(bytes).fill(0x20);
    content.set(strToU8(pageContent(['The sea is blue.'])));
    return pagesPdf([pdfStream(content, '/FlateDecode')]);
  };
  test('streams decode to a bounded number of bytes', async () => {
    const [section] = await read(bomb(MAX_STREAM_BYTES / 2), pdf);
    expect(section!.text).toBe('The sea is blue.');
    const file = bomb(2 * MAX_STREAM_BYTES);
    expect(file.length).toBeLessThan(MAX_STREAM_BYTES / 400);
    expect(await refusal(read(file, pdf))).toContain(String(MAX_STREAM_BYTES));
  });

  test('so do many streams together, and streams within streams', async () => {
    const content = new Uint8Array(MAX_STREAM_BYTES - 1024).fill(0x20);
    const streams = Array.from({ length: 5 }, () => pdfStream(content, '/FlateDecode'));
    expect(await refusal(read(pagesPdf(streams), pdf))).toContain(String(MAX_DECODED_BYTES));
    const once = pdfStream(new Uint8Array(4 * MAX_DECODED_BYTES), '/FlateDecode');
    const inner = once.slice(once.indexOf('stream\n') + 7, -'\nendstream'.length);
    const twice = pdfStream(
      Uint8Array.from(inner, (c) => c.charCodeAt(0)),
      '/FlateDecode',
    ).replace('/FlateDecode', '[/FlateDecode /FlateDecode]');
    expect(await refusal(read(pagesPdf([twice]), pdf))).toContain(String(MAX_DECODED_BYTES));
  });

  test('a form that draws itself ends', async () => {
    const form = pdfStream(
      strToU8(`${pageContent(['again'])} /X Do`),
      '',
      '/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /Font << /F 3 0 R >> /XObject << /X 6 0 R >> >> ',
    );
    const page = pdfStream(strToU8(`${pageContent(['The sea.'])} /X Do`));
    const [section] = await read(pagesPdf([page], [form]), pdf);
    expect(section!.text).toContain('The sea.');
  });

  test('forms that draw each other many times end at a bound', async () => {
    const levels = 8;
    // Object numbers: the page's first form is 6.
    const form = (content: string, next: number) =>
      pdfStream(
        strToU8(content),
        '',
        '/Type /XObject /Subtype /Form /BBox [0 0 9 9] ' +
          `/Resources << /Font << /F 3 0 R >> /XObject << /X ${next} 0 R >> >> `,
      );
    const draw = '/X Do '.repeat(20);
    const forms = Array.from({ length: levels }, (_, i) =>
      i < levels - 1 ? form(draw, 7 + i) : form(pageContent(['again']), 6),
    );
    const file = pagesPdf([pdfStream(strToU8(draw))], forms);
    expect(await refusal(read(file, pdf))).toContain(`more than ${MAX_FORMS} pages and forms`);
  });

  test('a tree of pages that contains itself ends, and so does one of a billion', async () => {
    const tree = (pages: string) => pdfOf(['<< /Type /Catalog /Pages 2 0 R >>', pages]);
    await refusal(read(tree('<< /Type /Pages /Kids [2 0 R] /Count 2 >>'), pdf));
    const many = tree('<< /Type /Pages /Kids [2 0 R] /Count 1000000000 >>');
    await refusal(read(many, pdf));
    const more = textPdf(Array.from({ length: MAX_SECTIONS + 1 }, () => []));
    expect(await refusal(read(more, pdf))).toContain(`${MAX_SECTIONS + 1} pages`);
  });
});

describe('DOCX', () => {
  const BREAK = '<w:r><w:lastRenderedPageBreak/></w:r>';
  const STYLES = {
    'word/styles.xml':
      '<w:styles xmlns:w="w"><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>' +
      '<w:style w:styleId="Teil"><w:name w:val="Teil"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style></w:styles>',
  };
  const row = (...cells: string[]) =>
    `<w:tr>${cells.map((cell) => `<w:tc>${docxParagraph(cell)}</w:tc>`).join('')}</w:tr>`;
  const BODY =
    docxParagraph('Caf\u00e9 &amp; more') +
    docxParagraph('Food', 'berschrift1') +
    docxParagraph('Bread', 'Teil') +
    docxParagraph('Warm bread rises.') +
    `<w:tbl>${row('Flour', '500 g')}${row('Salt', '10 g')}</w:tbl>` +
    docxParagraph('Drink', 'berschrift1') +
    `<w:p><w:r><w:t>Water</w:t></w:r>${BREAK}<w:r><w:tab/><w:t>and tea.</w:t></w:r></w:p>`;

  test('paragraphs, tables and headings in order, and pages where Word broke them', async () => {
    const page = (number: number) => ({ unit: 'page', first: number, last: number });
    expect(await read(docxOf(BODY, STYLES), docx)).toEqual([
      { heading: '', text: 'Caf\u00e9 & more', location: page(1) },
      {
        heading: 'Food > Bread',
        text: 'Bread\n\nWarm bread rises.\n\nFlour | 500 g\nSalt | 10 g',
        location: page(1),
      },
      { heading: 'Drink', text: 'Drink\n\nWater', location: page(1) },
      { heading: 'Drink', text: 'and tea.', location: page(2) },
    ]);
    const without = await read(docxOf(BODY.replaceAll(BREAK, ''), STYLES), docx);
    expect(without.map(({ location }) => location)).toEqual([null, null, null]);
  });

  test.runIf(hasPython)("the words are those that Python's reader finds", async () => {
    const file = docxOf(BODY.replaceAll('<w:tab/>', ''));
    const ours = (await read(file, docx)).map(({ text }) => text.replaceAll('|', '')).join('');
    expect(withoutSpace(ours)).toBe(pythonText(file, 'word/document.xml'));
  });

  test('what programs keep beside the text is no text', async () => {
    const body =
      '<w:p><w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:delText>gone</w:delText></w:r>' +
      '<w:r><mc:AlternateContent><mc:Choice><w:t>once</w:t></mc:Choice><mc:Fallback><w:t>once</w:t></mc:Fallback>' +
      '</mc:AlternateContent></w:r></w:p>';
    expect((await read(docxOf(body), docx)).map(({ text }) => text)).toEqual(['once']);
  });

  test('XML is read strictly: no entities of its own, no unclosed elements, no endless depth', async () => {
    const bomb =
      '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><d><t>&b;</t></d>';
    const file = docxOf('', { 'word/document.xml': bomb });
    expect(await refusal(read(file, docx))).toContain('not well-formed');
    await refusal(read(docxOf('<w:p>'), docx));
    const nested = (n: number) =>
      docxOf('<w:p>'.repeat(n) + '<w:t>deep</w:t>' + '</w:p>'.repeat(n));
    // The document, its body and the text are three more.
    const [section] = await read(nested(MAX_XML_DEPTH - 3), docx);
    expect(section!.text).toBe('deep');
    expect(await refusal(read(nested(MAX_XML_DEPTH - 2), docx))).toContain(
      `${MAX_XML_DEPTH} levels`,
    );
  });
});

describe('EPUB', () => {
  const chapter = (title: string, text: string) =>
    '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>Book</title>' +
    `<style>p { color: red }</style></head><body><h1>${title}</h1>\n<p>${text}</p></body></html>`;
  const CHAPTERS = {
    'b two.xhtml': chapter('The Sea', 'The sea\n is <i>blue</i>.'),
    'a.xhtml': chapter('Bread &amp; Salt', 'Caf\u00e9 bread.'),
  };

  test('chapters come in the order of the spine, with titles', async () => {
    expect(await read(epubOf(CHAPTERS), epub)).toEqual([
      {
        heading: 'The Sea',
        text: 'The Sea\n\nThe sea is blue.',
        location: { unit: 'chapter', first: 1, last: 1 },
      },
      {
        heading: 'Bread & Salt',
        text: 'Bread & Salt\n\nCaf\u00e9 bread.',
        location: { unit: 'chapter', first: 2, last: 2 },
      },
    ]);
  });

  test.runIf(hasPython)("the words are those that Python's reader finds", async () => {
    const file = epubOf(CHAPTERS);
    const sections = await read(file, epub);
    for (const [i, name] of Object.keys(CHAPTERS).entries())
      expect(withoutSpace(sections[i]!.text)).toBe(pythonText(file, `OEBPS/${name}`));
  });

  test('references out of the book, and to what is missing, are left out', async () => {
    const opf = (href: string) =>
      `<package><manifest><item id="a" href="${href}" media-type="application/xhtml+xml"/></manifest>` +
      '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>';
    for (const href of ['../../../etc/passwd', 'none.xhtml', 'http://example.org/%ff', '%00'])
      expect(await read(epubOf(CHAPTERS, { 'OEBPS/book.opf': opf(href) }), epub)).toEqual([]);
  });
});

describe('CSV', () => {
  test('rows name their columns, and count as a spreadsheet counts them', async () => {
    const text = 'name;city;note\n\n"Ada; L.";London;"two\nlines"\nBob;;\n';
    expect(await readText(text, csv)).toEqual([
      {
        heading: '',
        text: 'name: Ada; L.; city: London; note: two lines\nname: Bob',
        location: { unit: 'row', first: 3, last: 5 },
      },
    ]);
  });

  test('a table of one row, and one without any', async () => {
    expect((await readText('a,b,c', csv))[0]).toMatchObject({ text: 'a; b; c' });
    expect(await readText('\n\n', csv)).toEqual([]);
  });

  test('columns are bounded, and so is the text with their names', async () => {
    const columns = (n: number) => `${'h,'.repeat(n - 1)}h\n${'1,'.repeat(n - 1)}1\n`;
    expect((await readText(columns(MAX_COLUMNS), csv)).length).toBe(1);
    expect(await refusal(readText(columns(MAX_COLUMNS + 1), csv))).toContain('row 1 has');
    expect(await refusal(readText(','.repeat(1_000_000), csv))).toContain('row 1 has');
    const long = `${'h'.repeat(10_000)}\n${'1\n'.repeat(100)}`;
    expect(await refusal(readText(long, csv))).toContain(String(MAX_DOCUMENT_CHARS));
  });
});

describe('archives', () => {
  test('what an entry says of its size is what it may inflate to', async () => {
    const file = docxOf(docxParagraph('The sea is blue.'));
    const lying = file.slice();
    const view = new DataView(lying.buffer);
    // The sizes in the directory: 24 bytes after the signature of each entry.
    for (let at = 0; at < lying.length - 28; at++)
      if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, 40, true);
    expect(await refusal(read(lying, docx))).toMatch(/(more|fewer) than its 40 bytes/);
  });

  test('all that is read inflates to a bounded number of bytes', async () => {
    const spaces = (n: number) => ({
      'word/styles.xml': `<styles>${' '.repeat(n)}</styles>`,
    });
    const body = docxParagraph('The sea is blue.');
    expect((await read(docxOf(body, spaces(MAX_DECODED_BYTES / 4)), docx)).length).toBe(1);
    const bomb = docxOf(body, spaces(MAX_DECODED_BYTES));
    expect(bomb.length).toBeLessThan(MAX_DECODED_BYTES / 400);
    expect(await refusal(read(bomb, docx))).toContain(String(MAX_DECODED_BYTES));
  });

  test('entries are counted before they are looked at, and have decent names', async () => {
    const files = (n: number) =>
      Object.fromEntries(Array.from({ length: n }, (_, i) => [`x${i}`, '']));
    const body = docxParagraph('The sea is blue.');
    // A DOCX has three of its own.
    expect((await read(docxOf(body, files(MAX_ENTRIES - 3)), docx)).length).toBe(1);
    expect(await refusal(read(docxOf(body, files(MAX_ENTRIES - 2)), docx))).toContain(
      `${MAX_ENTRIES + 1} entries`,
    );
    expect(await refusal(read(docxOf(body, { 'word/x\0.xml': '' }), docx))).toContain('NUL');
  });

  test('what is damaged anywhere is read or refused, never more', async () => {
    const files: [Uint8Array, FileType][] = [
      [docxOf(docxParagraph('The sea is blue.')), docx],
      [epubOf({ 'a.xhtml': '<p>The sea is blue.</p>' }), epub],
    ];
    for (const [whole, type] of files)
      for (let at = 4; at < whole.length; at += 3) {
        const damaged = whole.slice();
        damaged[at]! ^= 0xff;
        for (const bytes of [damaged, whole.subarray(0, at)])
          await read(bytes, type).catch((error: unknown) =>
            expect(error).toMatchObject({ code: 'E_REQUEST_INVALID' }),
          );
      }
  });
});

test('a file of another type is refused with the type it has', async () => {
  expect(await refusal(read(textPdf([['a']]), docx))).toContain(`expected ${pdf}`);
  expect(await refusal(read(docxOf(''), epub))).toContain(`expected ${docx}`);
  expect(await refusal(read(epubOf({}), docx))).toContain(`expected ${epub}`);
  expect(await refusal(read(docxOf(''), pdf))).toContain(`expected ${docx}`);
  expect(await refusal(read(zipOf({ a: 'b' }), docx))).toContain('ZIP file');
  expect(await refusal(readText('The sea is blue.', pdf))).toContain('first bytes');
});

test('text has a bound, whatever format it comes in', async () => {
  const text = (n: number) => docxOf(docxParagraph('a'.repeat(n)));
  expect((await read(text(MAX_DOCUMENT_CHARS), docx))[0]!.text.length).toBe(MAX_DOCUMENT_CHARS);
  expect(await refusal(read(text(MAX_DOCUMENT_CHARS + 1), docx))).toContain('Split the document');
});
