/** Pictures and recordings of a data set, counted: sizes, formats, duplicates, silence, and broken files by their rows. */
import { Distribution } from '../../../engine/data/distribution.ts';
import type { DistributionSummary } from '../../../engine/data/distribution.ts';
import { MediaFiles } from '../media/media-files.ts';
import type { MediaFile, MediaIdentity, OpenSound, PictureFacts } from '../media/media-files.ts';
import type { SoundFacts } from '../media/sound-facts.ts';
import type { Problems } from '../problems.ts';
import { mediaField } from '../row.ts';
import type { DataRow, Media } from '../row.ts';
import { NameCounts } from './name-counts.ts';
import type { Counted } from './name-counts.ts';

/** Files, each counted once however many rows name it. */
export interface FilesCount {
  /** Rows that name one. */
  readonly nRow: number;
  readonly nFile: number;
  /** Files that are equal to an earlier one of another name. */
  readonly nExact: number;
  readonly formats: readonly Counted[];
  readonly bytes: DistributionSummary;
}

export interface PicturesCount extends FilesCount {
  /** Pictures that look like an earlier one; null where they were not compared. */
  readonly nNear: number | null;
  /** Pixels. */
  readonly width: DistributionSummary;
  readonly height: DistributionSummary;
}

export interface RecordingsCount extends FilesCount {
  readonly rates: readonly Counted[];
  readonly milliseconds: DistributionSummary;
  readonly seconds: number;
  readonly silentSeconds: number;
  /** Recordings that are silent from beginning to end. */
  readonly nSilent: number;
}

/** Counts of one kind of files. */
class FileTally {
  readonly #paths = new Set<string>();
  readonly #hashes = new Set<string>();
  readonly #formats = new NameCounts();
  readonly #bytes = new Distribution();
  #nRow = 0;
  #nExact = 0;

  /** Whether the file is new: not one that an earlier row named. */
  add(path: string, { own, bytes }: MediaFile, format: string): boolean {
    this.#nRow++;
    if (this.#paths.has(path)) return false;
    this.#paths.add(path);
    if (this.#hashes.has(own)) this.#nExact++;
    this.#hashes.add(own);
    this.#formats.add(format);
    this.#bytes.add(bytes);
    return true;
  }

  count(): FilesCount {
    return {
      nRow: this.#nRow,
      nFile: this.#paths.size,
      nExact: this.#nExact,
      formats: this.#formats.sorted(),
      bytes: this.#bytes.summary(),
    };
  }
}

export class MediaCount {
  readonly #files: MediaFiles;
  readonly #isNear: boolean;
  readonly #pictures = new FileTally();
  readonly #recordings = new FileTally();
  readonly #width = new Distribution();
  readonly #height = new Distribution();
  readonly #milliseconds = new Distribution();
  readonly #rates = new NameCounts();
  readonly #alike = new Set<string>();
  #seconds = 0;
  #silentSeconds = 0;
  #nSilent = 0;

  /** @param isNear whether pictures that look alike are found */
  constructor(isNear: boolean, openSound: OpenSound) {
    this.#files = new MediaFiles({ looks: true, openSound });
    this.#isNear = isNear;
  }

  /** What the row has beside its text; null, with the problem noted, for a file that cannot be opened. */
  async add(row: DataRow, problems: Problems): Promise<MediaIdentity | null> {
    const { media } = row;
    if (media === null) return await this.#files.identityOf(row);
    const file = await this.#files.open(media);
    const { own, kin, facts, broken } = file;
    if (broken !== null || facts === null) {
      problems.add(brokenFile(row, media, broken ?? 'was not opened'));
      return null;
    }
    if ('width' in facts) this.#addPicture(media.path, file, facts);
    else this.#addRecording(media.path, file, facts);
    return this.#isNear ? { own, kin } : { own, kin: own };
  }

  #addPicture(path: string, file: MediaFile, { format, width, height }: PictureFacts): void {
    if (!this.#pictures.add(path, file, format)) return;
    this.#width.add(width);
    this.#height.add(height);
    if (file.kin !== file.own) this.#alike.add(file.own);
  }

  #addRecording(path: string, file: MediaFile, facts: SoundFacts): void {
    const { container, sampleRate, nChannel, seconds, silentSeconds } = facts;
    if (!this.#recordings.add(path, file, container)) return;
    this.#milliseconds.add(Math.round(1000 * seconds));
    this.#rates.add(`${sampleRate} Hz, ${nChannel === 1 ? 'mono' : `${nChannel} channels`}`);
    this.#seconds += seconds;
    this.#silentSeconds += silentSeconds;
    if (silentSeconds === seconds) this.#nSilent++;
  }

  /** Null where no row named a picture. */
  pictures(): PicturesCount | null {
    const count = this.#pictures.count();
    if (count.nFile === 0) return null;
    return {
      ...count,
      nNear: this.#isNear ? this.#alike.size : null,
      width: this.#width.summary(),
      height: this.#height.summary(),
    };
  }

  /** Null where no row named a recording. */
  recordings(): RecordingsCount | null {
    const count = this.#recordings.count();
    if (count.nFile === 0) return null;
    return {
      ...count,
      rates: this.#rates.sorted(),
      milliseconds: this.#milliseconds.summary(),
      seconds: this.#seconds,
      silentSeconds: this.#silentSeconds,
      nSilent: this.#nSilent,
    };
  }
}

/** How a row that names a broken file is told of. */
const BROKEN: Readonly<Record<Media['kind'], { readonly problem: string; readonly fix: string }>> =
  {
    image: {
      problem: 'names a picture that cannot be read',
      fix: 'Save it again as PNG or JPEG, or take the row away.',
    },
    sound: {
      problem: 'names a recording that cannot be read',
      fix: 'Convert it to WAV, or take the row away.',
    },
  };

function brokenFile({ fields, file, line }: DataRow, { kind }: Media, why: string) {
  const field = mediaField(fields)?.[0] ?? null;
  return { ...{ file, line, field }, value: why, ...BROKEN[kind] };
}
