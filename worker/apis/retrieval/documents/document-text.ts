/**
 * The searchable text of a document, and the source position of each of its characters.
 * HTML loses its tags, and entities become characters; other text is unchanged.
 */
import { htmlText } from '../../../../engine/text/html-text.ts';
import { TEXT_TYPES } from '../../../documents/types.ts';
import type { TextType } from '../../../documents/types.ts';
import type { SourcedText } from '../../../../engine/text/html-text.ts';

export const CONTENT_TYPES = TEXT_TYPES;
export type ContentType = TextType;

/** Control characters that do not occur in text, but in binary files that were read as text. */
const BINARY = /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/;
/** Marks of bytes that were not UTF-8. */
const REPLACEMENTS = /\ufffd/g;
const MAX_REPLACEMENT_SHARE = 0.01;

/** Whether the content is binary data instead of text. */
export function isBinary(content: string): boolean {
  if (BINARY.test(content)) return true;
  const nBroken = content.match(REPLACEMENTS)?.length ?? 0;
  return nBroken > content.length * MAX_REPLACEMENT_SHARE;
}

export function documentText(content: string, type: ContentType): SourcedText {
  if (type === 'text/html') return htmlText(content);
  return { text: content, sourceOf: (start, end) => [start, end] };
}
