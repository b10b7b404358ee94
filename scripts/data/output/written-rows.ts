/**
 * Rows as they are written: with where they came from and their licence, and with copies of the pictures and recordings
 * that they name, so that a folder can be read again and moved.
 */
import { constants } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { licenceOf, UNKNOWN_LICENCE } from '../licences.ts';
import { mediaField, PROVENANCE, provenanceOf } from '../row.ts';
import type { DataRow, Fields } from '../row.ts';
import { RowFacts } from './croissant.ts';

/** Copies lie here, in a folder for each file of rows. */
const MEDIA_FOLDER = 'media';
const COPIED = /^(media\/\d+\/)?(.*)$/s;

export class WrittenRows {
  /** Types and licences of what was written. */
  readonly facts = new RowFacts();
  readonly #folder: string;
  readonly #licence: string | null;
  /** Number of each folder of pictures and recordings. */
  readonly #files = new Map<string, number>();
  readonly #copied = new Set<string>();

  /** @param licence of rows that name none */
  constructor(folder: string, licence: string | null) {
    this.#folder = folder;
    this.#licence = licence;
  }

  /** The fields to write for a row. @param changed its fields after a change */
  async fieldsOf(row: DataRow, changed: Fields = row.fields): Promise<Fields> {
    const licence = licenceOf(row, null) === UNKNOWN_LICENCE ? this.#licence : null;
    const fields = {
      ...changed,
      ...(licence === null ? {} : { licence }),
      ...(await this.#mediaOf(row)),
      [PROVENANCE]: provenanceOf(row),
    };
    this.facts.add(fields, this.#licence);
    return fields;
  }

  async #mediaOf({ fields, file, media }: DataRow): Promise<Fields> {
    const field = mediaField(fields)?.[0];
    if (media === null || field === undefined) return {};
    // A copy of a copy lies no deeper.
    const [, before = '', rest = ''] = COPIED.exec(String(fields[field])) ?? [];
    const key = join(dirname(file), before);
    const number = this.#files.get(key) ?? this.#files.size;
    this.#files.set(key, number);
    const name = [MEDIA_FOLDER, number, rest].join('/');
    const path = join(this.#folder, name);
    if (!this.#copied.has(path)) {
      await mkdir(dirname(path), { recursive: true });
      await copyFile(media.path, path, constants.COPYFILE_FICLONE);
      this.#copied.add(path);
    }
    this.facts.addMedia(field, media.kind, name);
    return { [field]: name };
  }
}
