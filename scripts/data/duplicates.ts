/** Rows that repeat an earlier one, in their text and in the picture or recording that they name: to the letter, or nearly. */
import { createHash } from 'node:crypto';
import { EngineError } from '../../engine/base/errors.ts';
import { NearDuplicates } from '../../engine/data/near-duplicates.ts';
import { jaccard, mix, shinglesOf } from '../../engine/data/shingles.ts';
import { NO_MEDIA } from './media/media-files.ts';
import type { MediaIdentity } from './media/media-files.ts';
import { Problems } from './problems.ts';
import { readRows } from './readers/index.ts';
import type { InputOptions } from './readers/index.ts';
import { provenanceOf } from './row.ts';

/** Rows that are kept to compare later ones with: some 2 kB each (measured). */
export const MAX_KEPT = 2_000_000;
export const DEFAULT_SIMILARITY = 0.8;
/** Bytes of a hash: two of a million texts share 12 with a probability of 2^-56. */
const HASH_BYTES = 12;
/** Shown of a text. */
const MAX_SHOWN_CHARS = 400;

export interface Duplicate {
  readonly kind: 'exact' | 'near';
  /** Numbers of both rows, from 0. */
  readonly row: number;
  readonly of: number;
  /** Estimated for near ones of more than some words. */
  readonly similarity: number;
}

export class DuplicateFinder {
  /** Number of the row that first had a text with a picture or recording. */
  readonly #exact = new Map<string, number>();
  readonly #near: NearDuplicates | null;

  /** @param similarity from which two texts are near duplicates; null to look for equal ones alone */
  constructor(similarity: number | null) {
    this.#near = similarity === null ? null : new NearDuplicates(similarity);
  }

  /** What the row repeats, or null; then it is kept. @throws {EngineError} E_MEMORY_BUDGET for too many rows */
  add(text: string, row: number, { own, kin }: MediaIdentity = NO_MEDIA): Duplicate | null {
    const key = exactKey(own, text);
    const of = this.#exact.get(key);
    if (of !== undefined) return { kind: 'exact', row, of, similarity: 1 };
    const match = this.#near?.add(shinglesBeside(kin, text), row) ?? null;
    if (match !== null) return { kind: 'near', row, ...match };
    if (this.#exact.size >= MAX_KEPT)
      throw new EngineError(
        'E_MEMORY_BUDGET',
        `data: more than ${MAX_KEPT} different rows; expected at most that many in memory. Split the files and go over each part.`,
      );
    this.#exact.set(key, row);
    return null;
  }
}

/** Texts that differ in white space or in the form of their accents are equal. */
function exactKey(media: string, text: string): string {
  const plain = text.normalize('NFC').replaceAll(/\s+/gu, ' ').trim();
  const hash = createHash('sha256').update(`${media}\0${plain}`);
  return hash.digest().toString('base64', 0, HASH_BYTES);
}

/** Shingles that texts beside another picture or recording do not share. */
function shinglesBeside(media: string, text: string): Uint32Array {
  const shingles = shinglesOf(text);
  if (media === '') return shingles;
  const salt = createHash('sha256').update(media).digest().readUInt32LE();
  return shingles.map((shingle) => mix(shingle ^ salt));
}

export interface ShownPair {
  readonly kind: Duplicate['kind'];
  readonly first: { readonly at: string; readonly text: string };
  readonly second: { readonly at: string; readonly text: string };
  readonly estimate: number;
  /** Exact Jaccard similarity of their shingles. */
  readonly similarity: number;
}

/** The texts of some pairs, in a second reading. */
export async function showPairs(
  pairs: readonly Duplicate[],
  input: InputOptions,
): Promise<ShownPair[]> {
  const wanted = new Set(pairs.flatMap(({ row, of }) => [row, of]));
  const last = Math.max(...wanted);
  const found = new Map<number, { at: string; text: string; shingles: Uint32Array }>();
  if (pairs.length === 0) return [];
  let n = 0;
  for await (const row of readRows(input, new Problems())) {
    if (wanted.has(n))
      found.set(n, {
        at: provenanceOf(row),
        text: row.text.slice(0, MAX_SHOWN_CHARS),
        shingles: shinglesOf(row.text),
      });
    if (n++ === last) break;
  }
  return pairs.flatMap(({ kind, row, of, similarity }) => {
    const [first, second] = [found.get(of), found.get(row)];
    if (first === undefined || second === undefined) return [];
    return [
      {
        ...{ kind, estimate: similarity },
        first: { at: first.at, text: first.text },
        second: { at: second.at, text: second.text },
        similarity: kind === 'exact' ? 1 : jaccard(first.shingles, second.shingles),
      },
    ];
  });
}
