/** Pictures and recordings that rows name: what is in each, and which are the same, to the bit or as far as can be seen. */
import { stat } from 'node:fs/promises';
import { EngineError } from '../../../engine/base/errors.ts';
import type { PictureFormat } from '../../../engine/vision/decode-picture.ts';
import { hashFile } from '../../lib/hash-file.ts';
import { mediaField } from '../row.ts';
import type { DataRow, Media } from '../row.ts';
import { openPicture } from './files.ts';
import { NearPictures } from './near-pictures.ts';
import { lookOf } from './picture-look.ts';
import type { SoundFacts } from './sound-facts.ts';

/** Rows have the same picture or recording where `own` is the same, and nearly the same where `kin` is. */
export interface MediaIdentity {
  readonly own: string;
  /** `own` of the first picture that looks like it. */
  readonly kin: string;
}

/** Of a row that names no file. */
export const NO_MEDIA: MediaIdentity = { own: '', kin: '' };

export interface PictureFacts {
  readonly format: PictureFormat;
  /** Pixels, turned as it was taken. */
  readonly width: number;
  readonly height: number;
}

export interface MediaFile extends MediaIdentity {
  readonly kind: Media['kind'];
  readonly bytes: number;
  /** Null of a file that was not opened. */
  readonly facts: PictureFacts | SoundFacts | null;
  /** Why it cannot be opened. */
  readonly broken: string | null;
}

/** @throws {EngineError} E_AUDIO_INVALID */
export type OpenSound = (path: string) => Promise<SoundFacts>;

export interface MediaFilesOptions {
  /** Whether pictures are opened, and compared as they look. */
  readonly looks: boolean;
  /** Null to leave recordings closed. */
  readonly openSound: OpenSound | null;
}

/** Every file is opened once. */
export class MediaFiles {
  readonly #options: MediaFilesOptions;
  readonly #near = new NearPictures();
  readonly #byPath = new Map<string, MediaFile>();
  readonly #byHash = new Map<string, MediaFile>();

  constructor(options: MediaFilesOptions) {
    this.#options = options;
  }

  async identityOf({ media, fields }: DataRow): Promise<MediaIdentity> {
    return media === null ? namedOnly(fields) : await this.open(media);
  }

  async open(media: Media): Promise<MediaFile> {
    const known = this.#byPath.get(media.path);
    if (known !== undefined) return known;
    const own = await hashFile(media.path);
    const file = this.#byHash.get(own) ?? (await this.#firstOf(media, own));
    this.#byHash.set(own, file);
    this.#byPath.set(media.path, file);
    return file;
  }

  async #firstOf(media: Media, own: string): Promise<MediaFile> {
    const { kind, path } = media;
    const file = { own, kin: own, kind, bytes: (await stat(path)).size };
    try {
      return { ...file, ...(await this.#lookInto(media, own)), broken: null };
    } catch (error) {
      if (!(error instanceof EngineError) || !/^E_(IMAGE|AUDIO)_INVALID$/.test(error.code))
        throw error;
      return { ...file, facts: null, broken: error.message };
    }
  }

  async #lookInto(
    { kind, path }: Media,
    own: string,
  ): Promise<Partial<MediaIdentity> & Pick<MediaFile, 'facts'>> {
    const { looks, openSound } = this.#options;
    if (kind === 'sound') return { facts: (await openSound?.(path)) ?? null };
    if (!looks) return { facts: null };
    const { picture, format, size } = await openPicture(path);
    const kin = this.#near.add(lookOf(picture), own) ?? own;
    return { kin, facts: { format, width: size.width, height: size.height } };
  }
}

/** A file that is not there is known by its name alone. */
function namedOnly(fields: DataRow['fields']): MediaIdentity {
  const field = mediaField(fields)?.[0];
  if (field === undefined) return NO_MEDIA;
  const name = `name:${String(fields[field])}`;
  return { own: name, kin: name };
}
