/** One text of the small model with what stands in it beside tokens, as rows to learn from. */
import type { Modalities } from '../../../engine/manifest/modalities.ts';
import type { Picture } from '../../../engine/vision/picture.ts';
import type { MarkerIds, Vocabulary } from './vocabulary.ts';

export type SenseName = keyof Modalities;

/** Vectors of one segment. */
export interface Segment {
  readonly sense: SenseName;
  /** [n, nIn] */
  readonly values: Float32Array;
  readonly n: number;
  /**
   * Per vector a token that is there to be named, or -1: what a patch shows is learned where it stands, before any
   * question looks for it.
   */
  readonly labels?: Int32Array;
  /** What the vectors are of, to be shown in a report. */
  readonly picture?: Picture;
}

/** A completion that is learned, for measuring it. */
export interface Answer {
  /** Rows whose next tokens it is: [from, to). */
  readonly from: number;
  readonly to: number;
  readonly kind: string;
  readonly question: string;
  readonly answer: string;
  /** Whose it is, such as a speaker, where scores are told by them. */
  readonly group?: string;
}

export interface Example {
  readonly tokens: readonly number[];
  /** Token after each row, and how much it counts. */
  readonly targets: readonly number[];
  readonly weights: readonly number[];
  readonly segments: readonly (Segment & { readonly firstRow: number })[];
  readonly answers: readonly Answer[];
}

const MARKERS_OF: Readonly<Record<SenseName, readonly [keyof MarkerIds, keyof MarkerIds]>> = {
  image: ['beginImage', 'endImage'],
  audio: ['beginAudio', 'endAudio'],
};

/** Writes an example from its beginning to its end. */
export class ExampleWriter {
  readonly #vocabulary: Vocabulary;
  readonly #tokens: number[] = [];
  readonly #targets: number[] = [];
  readonly #weights: number[] = [];
  readonly #segments: (Segment & { readonly firstRow: number })[] = [];
  readonly #answers: Answer[] = [];

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  get nRow(): number {
    return this.#tokens.length;
  }

  /** @param weight of all of them together as what is learned */
  text(ids: readonly number[], weight = 0): this {
    for (const id of ids) this.#push(id, weight / ids.length);
    return this;
  }

  segment(segment: Segment, labelWeight = 0): this {
    const [begin, end] = MARKERS_OF[segment.sense];
    const { ids } = this.#vocabulary;
    this.text([ids[begin]]);
    const firstRow = this.nRow;
    const nLabel = segment.labels?.reduce((n, label) => n + (label < 0 ? 0 : 1), 0) ?? 0;
    for (let i = 0; i < segment.n; i++) {
      // What a row is followed by is not learned; what it shows is.
      const label = segment.labels?.[i] ?? -1;
      this.#tokens.push(0);
      this.#targets.push(Math.max(0, label));
      this.#weights.push(label < 0 ? 0 : labelWeight / nLabel);
    }
    this.#segments.push({ ...segment, firstRow });
    const last = this.nRow - 1;
    const kept = [this.#targets[last]!, this.#weights[last]!] as const;
    this.text([ids[end]]);
    [this.#targets[last], this.#weights[last]] = kept;
    return this;
  }

  /** A turn of the user, after what stands in it before its words. */
  question(text: string, segment: Segment | null = null, labelWeight = 0): this {
    const { ids } = this.#vocabulary;
    this.text([ids.user]);
    if (segment !== null) this.segment(segment, labelWeight);
    return this.text(this.#vocabulary.encode(text)).text([ids.assistant]);
  }

  /** What is answered, learned up to the token that ends a turn. */
  answer(answer: Omit<Answer, 'from' | 'to'>, weight: number): this {
    const { ids } = this.#vocabulary;
    const from = this.nRow - 1;
    this.text([...this.#vocabulary.encode(answer.answer), ids.end], weight);
    this.#answers.push({ ...answer, from, to: this.nRow - 1 });
    return this;
  }

  /** @param length rows that are kept at most: what is cut at the end is not learned */
  end(length: number): Example {
    const n = Math.min(length, this.nRow);
    return {
      tokens: this.#tokens.slice(0, n),
      targets: this.#targets.slice(0, n),
      // The last row has nothing after it.
      weights: this.#weights.slice(0, n).map((weight, i) => (i === n - 1 ? 0 : weight)),
      segments: this.#segments,
      answers: this.#answers.filter(({ to }) => to < n),
    };
  }

  #push(id: number, weight: number): void {
    const before = this.nRow - 1;
    if (before >= 0) {
      this.#targets[before] = id;
      this.#weights[before] = weight;
    }
    this.#tokens.push(id);
    this.#targets.push(0);
    this.#weights.push(0);
  }
}
