/**
 * DOCX (ECMA-376): paragraphs, tables and headings of the main document. Pages are where Word last broke them,
 * which it notes in the file; other programs note nothing, and their documents have no pages.
 */
import { SectionList } from './limits.ts';
import type { Refuse } from './limits.ts';
import { HEADING_SEPARATOR } from './sections.ts';
import type { Section } from './sections.ts';
import { readXml } from './xml.ts';
import type { XmlHandler } from './xml.ts';
import type { ZipFile } from './zip.ts';

const DEFAULT_MAIN = 'word/document.xml';
const PAGE_BREAK = 'lastRenderedPageBreak';
const MAX_HEADING_CHARS = 200;
const MAX_HEADING_LEVEL = 9;
const CELL_SEPARATOR = ' | ';
/** Text of a run, by the element that stands for it. */
const CHARACTERS: Readonly<Record<string, string>> = {
  tab: '\t',
  br: '\n',
  cr: '\n',
  noBreakHyphen: '-',
};

/** @throws {EngineError} E_REQUEST_INVALID */
export async function readDocx(zip: ZipFile, refuse: Refuse): Promise<readonly Section[]> {
  const main = await mainPart(zip, refuse);
  const xml = zip.readText(main);
  if (xml === null) throw refuse(`is no DOCX file: ${main} is missing. Save the document again`);
  const styles = zip.readText(main.replace(/[^/]*$/, 'styles.xml'));
  const levels = styles === null ? new Map<string, number>() : await headingStyles(styles, refuse);
  const reader = new DocxReader(levels, xml.includes(PAGE_BREAK), refuse);
  await readXml(xml, reader, refuse);
  return reader.end();
}

async function mainPart(zip: ZipFile, refuse: Refuse): Promise<string> {
  const relations = zip.readText('_rels/.rels');
  let main = DEFAULT_MAIN;
  if (relations === null) return main;
  const open: XmlHandler['open'] = (name, attribute) => {
    if (name === 'Relationship' && attribute('Type').endsWith('/officeDocument'))
      main = attribute('Target').replace(/^\//, '');
  };
  await readXml(relations, { open }, refuse);
  return main;
}

/** Levels of headings, from 1, by the id of their style. */
async function headingStyles(xml: string, refuse: Refuse): Promise<Map<string, number>> {
  const levels = new Map<string, number>();
  let id = '';
  const open: XmlHandler['open'] = (name, attribute) => {
    if (name === 'style') id = attribute('styleId');
    else if (name === 'outlineLvl') setLevel(levels, id, Number(attribute('val')) + 1);
    else if (name === 'name') {
      // Names of built-in styles are in English, whatever the language of the program.
      const level = /^heading ([1-9])$/i.exec(attribute('val'))?.[1];
      if (level !== undefined) setLevel(levels, id, Number(level));
    }
  };
  await readXml(xml, { open }, refuse);
  return levels;
}

function setLevel(levels: Map<string, number>, id: string, level: number): void {
  if (level >= 1 && level <= MAX_HEADING_LEVEL) levels.set(id, level);
}

class DocxReader implements XmlHandler {
  readonly #levels: ReadonlyMap<string, number>;
  readonly #hasPages: boolean;
  readonly #list: SectionList;
  #headings: string[] = [];
  /** Paragraphs and tables of the section. */
  #blocks: string[] = [];
  /** The section's blocks that are its own heading. */
  #nHeading = 0;
  #paragraph = '';
  #level = 0;
  #rows: string[] = [];
  #page = 1;
  /** Number of open elements of these names. */
  #tables = 0;
  #texts = 0;
  /** Copies of what stands beside them, for older programs. */
  #fallbacks = 0;

  constructor(levels: ReadonlyMap<string, number>, hasPages: boolean, refuse: Refuse) {
    this.#levels = levels;
    this.#hasPages = hasPages;
    this.#list = new SectionList(refuse);
  }

  open(name: string, attribute: (name: string) => string): void {
    if (name === 'Fallback') this.#fallbacks++;
    if (this.#fallbacks > 0) return;
    if (name === 't') this.#texts++;
    else if (name === 'tbl') this.#tables++;
    else if (name === 'pStyle') this.#level = this.#levels.get(attribute('val')) ?? this.#level;
    else if (name === 'outlineLvl') {
      const level = Number(attribute('val')) + 1;
      if (level <= MAX_HEADING_LEVEL) this.#level = level;
    } else if (name === PAGE_BREAK) this.#breakPage();
    // A w:tab in the properties of a paragraph defines a tab stop.
    else if (Object.hasOwn(CHARACTERS, name) && attribute('pos') === '')
      this.#paragraph += CHARACTERS[name]!;
  }

  text(text: string): void {
    if (this.#texts > 0 && this.#fallbacks === 0) this.#paragraph += text;
  }

  close(name: string): void {
    if (name === 'Fallback') this.#fallbacks--;
    if (this.#fallbacks > 0) return;
    if (name === 't') this.#texts--;
    else if (name === 'p') this.#endParagraph();
    else if (name === 'tc') this.#paragraph = this.#paragraph.trimEnd() + CELL_SEPARATOR;
    else if (name === 'tr') this.#endRow();
    else if (name === 'tbl' && --this.#tables === 0) this.#endTable();
  }

  end(): readonly Section[] {
    this.#endParagraph();
    this.#endSection();
    return this.#list.sections;
  }

  #endParagraph(): void {
    if (this.#tables > 0) {
      this.#paragraph += ' ';
      this.#level = 0;
      return;
    }
    const text = this.#paragraph.trim();
    const level = this.#level;
    this.#paragraph = '';
    this.#level = 0;
    if (text === '') return;
    if (level > 0) this.#startSection(level, text);
    this.#blocks.push(text);
  }

  #startSection(level: number, heading: string): void {
    this.#endSection();
    this.#headings = [...this.#headings.slice(0, level - 1)];
    this.#headings[level - 1] = heading.replaceAll(/\s+/g, ' ');
    this.#nHeading = 1;
  }

  #endRow(): void {
    const row = this.#paragraph.replaceAll(/\s+/g, ' ').trim();
    if (/[^\s|]/.test(row)) this.#rows.push(row.replace(/ \|$/, ''));
    this.#paragraph = '';
  }

  #endTable(): void {
    if (this.#rows.length > 0) this.#blocks.push(this.#rows.join('\n'));
    this.#rows = [];
    this.#paragraph = '';
  }

  /** A paragraph or table that goes on after the break is divided there. */
  #breakPage(): void {
    if (!this.#hasPages) return;
    if (this.#tables > 0) {
      if (this.#rows.length > 0) this.#blocks.push(this.#rows.join('\n'));
      this.#rows = [];
    } else if (this.#paragraph.trim() !== '') {
      this.#blocks.push(this.#paragraph.trim());
      this.#paragraph = '';
    }
    this.#endSection();
    this.#page++;
  }

  #endSection(): void {
    // A heading alone is part of the sections below it.
    if (this.#blocks.length > this.#nHeading)
      this.#list.add({
        heading: this.#headings
          .filter((one) => one)
          .join(HEADING_SEPARATOR)
          .slice(0, MAX_HEADING_CHARS),
        text: this.#blocks.join('\n\n'),
        location: this.#hasPages ? { unit: 'page', first: this.#page, last: this.#page } : null,
      });
    this.#blocks = [];
    this.#nHeading = 0;
  }
}
