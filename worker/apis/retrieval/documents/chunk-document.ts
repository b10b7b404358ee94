/** Cuts a document into passages at headings, then paragraphs, sentences, words; as spans of the source. */
import { chunkText, textOf } from '../../../../engine/text/chunk-text.ts';
import type { CountTokens } from '../../../../engine/text/chunk-text.ts';
import { documentText } from './document-text.ts';
import type { ContentType } from './document-text.ts';

export interface Chunk {
  /** Position in the document as it was sent, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** Headings above the passage, joined, the outermost first. */
  readonly heading: string;
  /** Text of the passage, without HTML markup. */
  readonly text: string;
}

const MAX_HEADING_CHARS = 200;
/** Markdown syntax that is not read: rules, table borders, fences, marks of lists and emphasis. */
const MARKS = /[|`*_#>]+|[-=~+:]{3,}|^\s*[-+]\s/gm;

/** A passage as it is searched: without Markdown's marks, which are many tokens but not words. */
export function plainText(text: string, type: ContentType): string {
  if (type !== 'text/markdown') return text;
  return text
    .replaceAll(MARKS, ' ')
    .replaceAll(/[^\S\n]+/g, ' ')
    .trim();
}

export function chunkDocument(
  content: string,
  type: ContentType,
  maxTokens: number,
  count: CountTokens,
): Chunk[] {
  const { text, sourceOf } = documentText(content, type);
  const countPlain = (part: string) => count(plainText(part, type));
  return sectionsOf(text, type).flatMap(({ heading, start, end }) =>
    chunkText(text.slice(start, end), maxTokens, countPlain).flatMap((span) => {
      const whole = { start: start + span.start, end: start + span.end };
      const passage = textOf(text, whole);
      // A heading alone is part of the passages below it; a rule has no text.
      const says = plainText(passage.replace(/^ {0,3}#{1,6} .*$/m, ''), type);
      if (!/[\p{L}\p{N}]/u.test(type === 'text/markdown' ? says : passage)) return [];
      const [from, to] = sourceOf(whole.start, whole.end);
      return [{ start: from, end: to, heading, text: passage }];
    }),
  );
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
  for (const match of text.matchAll(
    /^ {0,3}(?:(`{3,}|~{3,})|(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$)/gm,
  )) {
    const [, mark, level, title = ''] = match;
    if (mark !== undefined) {
      if (fence === null) fence = mark;
      else if (mark.startsWith(fence)) fence = null;
      continue;
    }
    if (fence !== null) continue;
    sections.push({ heading, start, end: match.index });
    open.splice(level!.length - 1);
    open[level!.length - 1] = title;
    heading = open
      .filter((one) => one)
      .join(' > ')
      .slice(0, MAX_HEADING_CHARS);
    start = match.index;
  }
  return [...sections, { heading, start, end: text.length }];
}
