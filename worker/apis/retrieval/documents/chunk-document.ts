/** Cuts a document into passages at headings, then paragraphs, sentences, words; as spans of the source. */
import { atOnce } from '../../../../engine/base/turns.ts';
import type { Steps } from '../../../../engine/base/turns.ts';
import { chunkSteps, textOf } from '../../../../engine/text/chunk-text.ts';
import type { CountTokens, CountTokensSteps } from '../../../../engine/text/chunk-text.ts';
import { SECTION_BREAK } from '../../../documents/sections.ts';
import type { Location, Section as DocumentSection } from '../../../documents/sections.ts';
import { documentText } from './document-text.ts';
import type { ContentType } from './document-text.ts';

export interface Chunk {
  /** Position in the document as it was sent, in that of a file's text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** Headings above the passage, joined, the outermost first. */
  readonly heading: string;
  /** Text of the passage, without HTML markup. */
  readonly text: string;
  /** Page, chapter or rows; null where the format has none. */
  readonly location: Location | null;
}

const MAX_HEADING_CHARS = 200;
/** Sections that are cut before others have a turn; a long one has turns of its own. */
const SECTIONS_A_STEP = 64;
/** Spans of a section that are looked at before others have a turn. */
const SPANS_A_STEP = 256;
/** Characters whose marks are taken out before others have a turn. */
const CHARS_A_STEP = 32_768;
/**
 * Markdown syntax that is not read: rules, table borders, fences, marks of lists and emphasis. The blank space
 * before a list's mark has a bound, or each of a hundred thousand empty lines would look at all after it.
 */
const MARKS = /[|`*_#>]+|[-=~+:]{3,}|^\s{0,64}[-+]\s/gm;

/** A passage as it is searched: without Markdown's marks, which are many tokens but not words. */
export function plainText(text: string, type: ContentType): string {
  if (type !== 'text/markdown') return text;
  return text
    .replaceAll(MARKS, ' ')
    .replaceAll(/[^\S\n]+/g, ' ')
    .trim();
}

/** `plainText`, with a turn after a text that took long: 400 kB of nothing but marks take a tenth of a second. */
export function* plainTextSteps(text: string, type: ContentType): Steps<string> {
  const plain = plainText(text, type);
  if (text.length > CHARS_A_STEP) yield;
  return plain;
}

export function chunkDocument(
  content: string,
  type: ContentType,
  maxTokens: number,
  count: CountTokens,
): Chunk[] {
  const steps = function* (part: string): Steps<number> {
    return count(part);
  };
  return atOnce(chunkDocumentSteps(content, type, maxTokens, steps));
}

/** `chunkDocument` in parts. */
export function* chunkDocumentSteps(
  content: string,
  type: ContentType,
  maxTokens: number,
  count: CountTokensSteps,
): Steps<Chunk[]> {
  const { text, sourceOf } = documentText(content, type);
  yield;
  const countPlain = function* (part: string): Steps<number> {
    return yield* count(yield* plainTextSteps(part, type));
  };
  const chunks: Chunk[] = [];
  for (const [index, { heading, start, end }] of sectionsOf(text, type).entries()) {
    if (index % SECTIONS_A_STEP === 0) yield;
    const spans = yield* chunkSteps(text.slice(start, end), maxTokens, countPlain);
    for (const [position, span] of spans.entries()) {
      if (position % SPANS_A_STEP === SPANS_A_STEP - 1) yield;
      const whole = { start: start + span.start, end: start + span.end };
      const passage = textOf(text, whole);
      // A heading alone is part of the passages below it; a rule has no text.
      const says = yield* plainTextSteps(passage.replace(/^ {0,3}#{1,6} .*$/m, ''), type);
      if (!/[\p{L}\p{N}]/u.test(type === 'text/markdown' ? says : passage)) continue;
      const [from, to] = sourceOf(whole.start, whole.end);
      chunks.push({ start: from, end: to, heading, text: passage, location: null });
    }
  }
  return chunks;
}

/** Passages of a document's sections, none of which has text of two; positions are those in all their texts. */
export function* chunkSectionsSteps(
  sections: readonly DocumentSection[],
  type: ContentType,
  maxTokens: number,
  count: CountTokensSteps,
): Steps<Chunk[]> {
  const chunks: Chunk[] = [];
  let offset = 0;
  for (const section of sections) {
    yield;
    const { text } = section;
    const places = new Places(section);
    for (const chunk of yield* chunkDocumentSteps(text, type, maxTokens, count))
      chunks.push({
        ...chunk,
        start: offset + chunk.start,
        end: offset + chunk.end,
        heading: chunk.heading === '' ? section.heading : chunk.heading,
        location: places.of(chunk),
      });
    offset += text.length + SECTION_BREAK.length;
  }
  return chunks;
}

/** Places of a section's passages, in their order: of rows, each line is one. */
class Places {
  readonly #text: string;
  readonly #location: Location | null;
  #at = 0;
  #nLine = 0;

  constructor({ text, location }: DocumentSection) {
    this.#text = text;
    this.#location = location;
  }

  of({ start, end }: Pick<Chunk, 'start' | 'end'>): Location | null {
    const location = this.#location;
    if (location?.unit !== 'row') return location;
    const first = location.first + this.#linesBefore(start);
    return { unit: 'row', first, last: location.first + this.#linesBefore(end) };
  }

  #linesBefore(position: number): number {
    for (; this.#at < position; this.#at++) if (this.#text[this.#at] === '\n') this.#nLine++;
    return this.#nLine;
  }
}

interface Section {
  readonly heading: string;
  readonly start: number;
  readonly end: number;
}

/** Sections of Markdown, from heading to heading (CommonMark's ATX headings), ignoring fenced code. */
function sectionsOf(text: string, type: ContentType): Section[] {
  if (type !== 'text/markdown') return [{ heading: '', start: 0, end: text.length }];
  const sections: Section[] = [];
  const open: string[] = [];
  let [start, heading] = [0, ''];
  let fence: string | null = null;
  for (const match of text.matchAll(/^ {0,3}(?:(`{3,}|~{3,})|(#{1,6})[ \t]+(.*)$)/gm)) {
    const [, mark, level, line = ''] = match;
    if (mark !== undefined) {
      if (fence === null) fence = mark;
      else if (mark.startsWith(fence)) fence = null;
      continue;
    }
    if (fence !== null) continue;
    sections.push({ heading, start, end: match.index });
    open.splice(level!.length - 1);
    open[level!.length - 1] = withoutClosing(line);
    heading = open
      .filter((one) => one)
      .join(' > ')
      .slice(0, MAX_HEADING_CHARS);
    start = match.index;
  }
  return [...sections, { heading, start, end: text.length }];
}

const BLANKS = ' \t';

/** A heading's text without the blanks and number signs that close it. As a pattern it would take quadratic time. */
function withoutClosing(line: string): string {
  let end = line.length;
  while (end > 0 && BLANKS.includes(line[end - 1]!)) end--;
  while (end > 0 && line[end - 1] === '#') end--;
  while (end > 0 && BLANKS.includes(line[end - 1]!)) end--;
  return line.slice(0, end);
}
