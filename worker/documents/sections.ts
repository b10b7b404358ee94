/** What a document says, in parts: the pages, chapters or rows that a citation can name. */

export const LOCATION_UNITS = ['page', 'chapter', 'row', 'picture'] as const;

/** A place in a document, as its reader would look it up. */
export interface Location {
  readonly unit: (typeof LOCATION_UNITS)[number];
  /** Numbers from 1; rows count the header, and a picture is the first of its file. */
  readonly first: number;
  readonly last: number;
}

export interface Section {
  /** Headings above the text, the outermost first; empty without any. */
  readonly heading: string;
  readonly text: string;
  /** Null where the format has no such places. Each line of a section of rows is one row. */
  readonly location: Location | null;
}

/** Between the texts of two sections, where a document is one text. */
export const SECTION_BREAK = '\n\n';

export const HEADING_SEPARATOR = ' > ';

/** A picture as a document: its words, where it has any, are its only section. */
export function pictureSections<P>(
  picture: P,
  caption = '',
): { readonly sections: readonly Section[]; readonly picture: P } {
  const location = { unit: 'picture' as const, first: 1, last: 1 };
  return { sections: [{ heading: '', text: caption, location }], picture };
}
