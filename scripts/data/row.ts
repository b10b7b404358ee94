/** A row of a data set, whatever file it came from: its fields, the text in them, and where it stood. */
import { dirname, isAbsolute, resolve, sep } from 'node:path';

export type Fields = Readonly<Record<string, unknown>>;

export interface Media {
  readonly kind: 'image' | 'sound';
  /** Absolute path. */
  readonly path: string;
}

export interface DataRow {
  readonly fields: Fields;
  /** What audits, filters and duplicates look at. */
  readonly text: string;
  /** As the caller named it. */
  readonly file: string;
  /** Line on which the row begins; its number, from 1, in files without lines. */
  readonly line: number;
  readonly media: Media | null;
}

/** Where a row first came from, `stories.txt:14`; stays with it through later commands. */
export const PROVENANCE = 'provenance';

export function provenanceOf({ fields, file, line }: DataRow): string {
  const known = fields[PROVENANCE];
  return typeof known === 'string' && known !== '' ? known : `${file}:${line}`;
}

/** Fields that make a row's text: the first entry of which a row has all. */
const TEXT_FIELDS: readonly (readonly string[])[] = [
  ['text'],
  ['messages'],
  ['prompt', 'chosen', 'rejected'],
  ['prompt', 'completion'],
  ['question', 'answers'],
  ['question', 'answer'],
  ['question'],
  ['captions'],
  ['caption'],
  ['transcript'],
  ['transcription'],
  ['sentence'],
  ['content'],
  ['tweet'],
  ['label'],
];
export const TEXT_FIELD_NAMES = TEXT_FIELDS.map((names) => names.join(' + ')).join(', ');
/** Lists within lists of a text; messages have two. */
const MAX_TEXT_DEPTH = 4;

/** Why a row has no text: the field at fault, or null where none of the known ones is there. */
export interface NoText {
  readonly field: string | null;
  readonly value: unknown;
}

/** @param named the field that has the text; null for the known ones */
export function textOf(fields: Fields, named: string | null): string | NoText {
  const names =
    named === null
      ? TEXT_FIELDS.find((all) => all.every((name) => Object.hasOwn(fields, name)))
      : Object.hasOwn(fields, named)
        ? [named]
        : undefined;
  if (names === undefined) return { field: named, value: undefined };
  const parts: string[] = [];
  for (const name of names) {
    const part = plainText(fields[name], 0);
    if (part === null) return { field: name, value: fields[name] };
    parts.push(part);
  }
  return parts.join('\n');
}

/** Texts in lists and messages, a line each; null for anything else. */
function plainText(value: unknown, depth: number): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (depth >= MAX_TEXT_DEPTH || typeof value !== 'object' || value === null) return null;
  if (Array.isArray(value)) {
    const parts = value.map((part) => plainText(part, depth + 1));
    return parts.includes(null) ? null : parts.join('\n');
  }
  for (const name of ['content', 'text']) {
    const inner: unknown = Reflect.get(value, name);
    if (inner !== undefined) return plainText(inner, depth + 1);
  }
  return null;
}

const MEDIA_FIELDS: readonly (readonly [string, Media['kind']])[] = [
  ['image', 'image'],
  ['audio', 'sound'],
  ['sound', 'sound'],
];
const MEDIA_NAMES: Readonly<Record<string, Media['kind']>> = {
  ...{ png: 'image', jpg: 'image', jpeg: 'image' },
  ...{ wav: 'sound', flac: 'sound', mp3: 'sound', ogg: 'sound', opus: 'sound' },
};

/** The field that names a row's picture or recording, with its kind; null without one. */
export function mediaField(fields: Fields): readonly [name: string, kind: Media['kind']] | null {
  const found = MEDIA_FIELDS.find(([name]) => typeof fields[name] === 'string');
  if (found !== undefined) return found;
  const name = fields['file_name'];
  if (typeof name !== 'string') return null;
  const kind = MEDIA_NAMES[/\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase() ?? ''];
  return kind === undefined ? null : ['file_name', kind];
}

/** The path of a file named in a row, or null for one that is not below the folder of the row's file. */
export function pathBeside(file: string, name: string): string | null {
  const folder = resolve(dirname(file));
  const path = resolve(folder, name);
  return !isAbsolute(name) && path.startsWith(`${folder}${sep}`) ? path : null;
}
