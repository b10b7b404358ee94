/** EPUB 2 and 3: the documents of its spine in reading order, each a chapter. */
import { htmlText } from '../../engine/text/html-text.ts';
import { takeTurn } from '../platform/turns.ts';
import { SectionList } from './limits.ts';
import type { Refuse } from './limits.ts';
import type { Section } from './sections.ts';
import { readXml } from './xml.ts';
import type { ZipFile } from './zip.ts';

const CONTAINER = 'META-INF/container.xml';
const MAX_TITLE_CHARS = 200;
/** Where a title is looked for: a search of a whole book for each chapter would take too long. */
const TITLE_SEARCH_CHARS = 20_000;
/** Share of broken characters above which a chapter is encrypted. */
const MAX_BROKEN_SHARE = 0.01;

/** @throws {EngineError} E_REQUEST_INVALID */
export async function readEpub(zip: ZipFile, refuse: Refuse): Promise<readonly Section[]> {
  const list = new SectionList(refuse);
  for (const path of await readingOrder(zip, refuse)) {
    const html = zip.readText(path);
    if (html === null) continue;
    if ((html.match(/\ufffd/g)?.length ?? 0) > html.length * MAX_BROKEN_SHARE)
      throw refuse('has chapters that are encrypted. Send a book without copy protection');
    const number = list.sections.length + 1;
    list.add({
      heading: titleOf(html),
      text: tidy(htmlText(bodyOf(html)).text),
      location: { unit: 'chapter', first: number, last: number },
    });
    await takeTurn();
  }
  return list.sections;
}

/** Paths of the chapters. */
async function readingOrder(zip: ZipFile, refuse: Refuse): Promise<string[]> {
  const packagePath = await rootFile(zip, refuse);
  const xml = zip.readText(packagePath);
  if (xml === null)
    throw refuse(`is no EPUB file: ${packagePath} is missing. Save the document again`);
  const paths = new Map<string, string>();
  const order: string[] = [];
  await readXml(
    xml,
    {
      open(name, attribute) {
        if (name === 'item' && /html/.test(attribute('media-type')))
          paths.set(attribute('id'), pathFrom(packagePath, attribute('href')));
        if (name === 'itemref') order.push(attribute('idref'));
      },
    },
    refuse,
  );
  // A chapter that is named twice would be read twice.
  return [...new Set(order)].flatMap((id) => paths.get(id) ?? []);
}

async function rootFile(zip: ZipFile, refuse: Refuse): Promise<string> {
  const xml = zip.readText(CONTAINER);
  if (xml === null)
    throw refuse(`is no EPUB file: ${CONTAINER} is missing. Save the document again`);
  let path = '';
  await readXml(
    xml,
    {
      open(name, attribute) {
        if (name === 'rootfile' && path === '') path = attribute('full-path');
      },
    },
    refuse,
  );
  return path;
}

/** The path of a reference within the archive; one that leads out of it ends at its root. */
function pathFrom(base: string, reference: string): string {
  const root = 'http://epub.invalid/';
  if (!URL.canParse(reference, root + encodeURI(base.toWellFormed()))) return '';
  const { pathname } = new URL(reference, root + encodeURI(base.toWellFormed()));
  try {
    return decodeURIComponent(pathname.slice(1));
  } catch {
    return '';
  }
}

function bodyOf(html: string): string {
  const at = html.search(/<body[\s>]/i);
  return at < 0 ? html : html.slice(at);
}

function titleOf(html: string): string {
  const part = html.slice(0, TITLE_SEARCH_CHARS);
  const heading = /<h([1-3])[\s>]/i.exec(bodyOf(part));
  const found =
    heading === null
      ? between(part, '<title', '</title')
      : between(bodyOf(part), heading[0], `</h${heading[1]}`);
  return htmlText(found).text.replaceAll(/\s+/g, ' ').trim().slice(0, MAX_TITLE_CHARS);
}

function between(html: string, opening: string, closing: string): string {
  const from = html.toLowerCase().indexOf(opening.toLowerCase());
  const to = html.toLowerCase().indexOf(closing, from);
  return from < 0 || to < 0 ? '' : html.slice(from, to);
}

/** Lines of the source are no lines of the text. */
function tidy(text: string): string {
  return text
    .split(/\n[^\S\n]*\n\s*/)
    .map((paragraph) => paragraph.replaceAll(/\s+/g, ' ').trim())
    .filter((paragraph) => paragraph !== '')
    .join('\n\n');
}
