/**
 * A linear classifier of texts over hashed features, with int8 weights: what POST /v1/moderations runs. A file
 * is the length of a JSON header (u32, little endian), the header, then the weights of each label in turn.
 */
import { z } from 'zod';
import { EngineError } from '../base/errors.ts';
import { windowsOf, wordFeatures, wordsOf } from './hashed-features.ts';
import type { WordFeatures } from './hashed-features.ts';

const labelSchema = z.strictObject({
  name: z.string().min(1),
  /** What an int8 weight is multiplied with. */
  scale: z.number().positive(),
  bias: z.number(),
  /** Score from which a text is flagged unless the caller says otherwise. */
  threshold: z.number().min(0).max(1),
});
const headerSchema = z.strictObject({
  format: z.literal('thimble-text-classifier'),
  version: z.literal(1),
  id: z.string(),
  /** Buckets are 2 to this power. */
  bucketBits: z.number().int().min(1).max(24),
  labels: z.array(labelSchema).min(1).max(16),
});
export type ClassifierHeader = z.output<typeof headerSchema>;
export type ClassifierLabel = ClassifierHeader['labels'][number];

/** Distinct buckets of one window after another. */
export class BucketReader {
  readonly #mask: number;
  /** The window that used a bucket last. */
  readonly #usedBy: Int32Array;
  #nWindow = 0;
  /** The buckets of the last window in its first `n` places. */
  ids = new Int32Array(1024);
  n = 0;

  constructor(bucketBits: number) {
    this.#mask = 2 ** bucketBits - 1;
    this.#usedBy = new Int32Array(2 ** bucketBits);
  }

  read(features: readonly WordFeatures[], from: number, to: number): void {
    this.#nWindow++;
    this.n = 0;
    for (let i = from; i < to; i++) {
      const { own, pair } = features[i]!;
      for (const hash of own) this.#add(hash);
      if (pair !== null && i + 1 < to) this.#add(pair);
    }
  }

  #add(hash: number): void {
    const bucket = hash & this.#mask;
    if (this.#usedBy[bucket] === this.#nWindow) return;
    this.#usedBy[bucket] = this.#nWindow;
    if (this.n === this.ids.length) {
      const { ids } = this;
      this.ids = new Int32Array(2 * this.n);
      this.ids.set(ids);
    }
    this.ids[this.n++] = bucket;
  }
}

export class TextClassifier {
  readonly id: string;
  readonly labels: readonly ClassifierLabel[];
  readonly #weights: readonly Int8Array[];
  readonly #reader: BucketReader;

  /** @throws {EngineError} E_FORMAT_INVALID for anything but such a file */
  constructor(file: Uint8Array) {
    const { header, weights } = parseFile(file);
    this.id = header.id;
    this.labels = header.labels;
    this.#weights = weights;
    this.#reader = new BucketReader(header.bucketBits);
  }

  /** Score of each label in the order of `labels`, 0 to 1: that of the window in which it is highest. */
  score(text: string): number[] {
    const features = wordFeatures(wordsOf(text));
    const best = this.labels.map(() => 0);
    if (features.length === 0) return best;
    for (const [from, to] of windowsOf(features.length)) {
      this.#reader.read(features, from, to);
      for (const [label, { scale, bias }] of this.labels.entries()) {
        const z = bias + (scale * this.#sum(label)) / Math.sqrt(this.#reader.n);
        best[label] = Math.max(best[label]!, 1 / (1 + Math.exp(-z)));
      }
    }
    return best;
  }

  #sum(label: number): number {
    const weights = this.#weights[label]!;
    const { ids, n } = this.#reader;
    let sum = 0;
    for (let i = 0; i < n; i++) sum += weights[ids[i]!]!;
    return sum;
  }
}

export function writeClassifier(
  header: ClassifierHeader,
  weights: readonly Int8Array[],
): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const nBucket = 2 ** header.bucketBits;
  const file = new Uint8Array(4 + json.length + weights.length * nBucket);
  new DataView(file.buffer).setUint32(0, json.length, true);
  file.set(json, 4);
  for (const [i, row] of weights.entries())
    file.set(new Uint8Array(row.buffer, row.byteOffset, nBucket), 4 + json.length + i * nBucket);
  return file;
}

function parseFile(file: Uint8Array): { header: ClassifierHeader; weights: Int8Array[] } {
  const length =
    file.length < 4 ? 0 : new DataView(file.buffer, file.byteOffset).getUint32(0, true);
  const header = parseHeader(file.subarray(4, 4 + length));
  const nBucket = 2 ** header.bucketBits;
  const expected = 4 + length + header.labels.length * nBucket;
  if (file.length !== expected) throw invalid(`expected ${expected} bytes, got ${file.length}`);
  const weights = header.labels.map(
    (_, i) => new Int8Array(file.buffer, file.byteOffset + 4 + length + i * nBucket, nBucket),
  );
  return { header, weights };
}

function parseHeader(bytes: Uint8Array): ClassifierHeader {
  try {
    return headerSchema.parse(
      JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)),
    );
  } catch {
    throw invalid('its header cannot be read');
  }
}

function invalid(what: string): EngineError {
  return new EngineError(
    'E_FORMAT_INVALID',
    `text classifier: ${what}. Make the file again with scripts/moderation/train.ts.`,
  );
}
