/** Bounds on a document, whatever its format, and the errors that name them. */
import type { EngineError } from '../../engine/base/errors.ts';
import { invalidField } from '../platform/invalid-field.ts';
import type { Section } from './sections.ts';
import { SECTION_BREAK } from './sections.ts';

/** Characters of text: what a collection takes of a document. */
export const MAX_DOCUMENT_CHARS = 1_000_000;
/** Pages, chapters or headings. */
export const MAX_SECTIONS = 1000;
/** Bytes that the streams and entries that are read decode to: a share of the isolate's 128 MB. */
export const MAX_DECODED_BYTES = 32 * 1024 * 1024;

/** Bytes that one stream of a PDF decodes to, at once: a page's drawing, or a font. */
export const MAX_STREAM_BYTES = 8 * 1024 * 1024;

/** Makes the error of a document that cannot be read; `what` says what is wrong and how to fix it. */
export type Refuse = (what: string) => EngineError;

/** @param name path of the field that holds the document, such as `documents[0].content` */
export const refusalOf =
  (name: string): Refuse =>
  (what) =>
    invalidField(name, what);

/** Sections with text in them, counted as they are found. */
export class SectionList {
  readonly #refuse: Refuse;
  readonly #sections: Section[] = [];
  #nChar = 0;

  constructor(refuse: Refuse) {
    this.#refuse = refuse;
  }

  get sections(): readonly Section[] {
    return this.#sections;
  }

  /** @throws {EngineError} E_REQUEST_INVALID for more text or more sections than a document may have. */
  add(section: Section): void {
    const text = section.text.trim();
    if (text === '') return;
    this.#nChar += text.length + SECTION_BREAK.length;
    if (this.#nChar > MAX_DOCUMENT_CHARS + SECTION_BREAK.length)
      throw this.#refuse(
        `has more than ${MAX_DOCUMENT_CHARS} characters of text. Split the document`,
      );
    this.#sections.push({ ...section, text });
    if (this.#sections.length > MAX_SECTIONS)
      throw this.#refuse(
        `has more than ${MAX_SECTIONS} pages, chapters or headings. Split the document`,
      );
  }
}

export function decodesToTooMuch(refuse: Refuse): EngineError {
  return refuse(
    `decodes to more than ${MAX_DECODED_BYTES} bytes, or a page to more than ${MAX_STREAM_BYTES}. Split the document, or send its text`,
  );
}
