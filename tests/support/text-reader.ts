/** Several texts through one decoder, in passes cut at will. */
import { PagePool, Sequence } from '../../engine/cache/pages.ts';
import type { BatchPart } from '../../engine/model/decoder/contract.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';

export class TextReader {
  /** The bits of the logits of every position of every text. */
  readonly seen: string[][];
  readonly sequences: Sequence[];
  readonly #decoder: Decoder;
  readonly #texts: readonly (readonly number[])[];

  constructor(decoder: Decoder, texts: readonly (readonly number[])[]) {
    const pool = new PagePool(decoder.plan.nPage);
    this.#decoder = decoder;
    this.#texts = texts;
    this.seen = texts.map(() => []);
    this.sequences = texts.map(() => new Sequence(pool));
    for (const [i, sequence] of this.sequences.entries()) sequence.reserve(texts[i]!.length);
  }

  /** One pass over the next `counts[i]` tokens of text i. */
  pass(counts: readonly number[]): void {
    const texts = counts.flatMap((n, text) => (n > 0 ? [text] : []));
    const starts = texts.map((text) => this.sequences[text]!.items.length);
    const parts = texts.map((text, i): BatchPart => {
      const inputs = this.#texts[text]!.slice(starts[i], starts[i]! + counts[text]!);
      const sequence = this.sequences[text]!;
      return { inputs, sequence, slot: text, logitsFrom: 0, adapter: null };
    });
    this.#decoder.forward(parts, (part, index, row) => {
      const logits = this.#decoder.logits(row);
      const bits = new Uint32Array(logits.buffer, logits.byteOffset, logits.length);
      this.seen[texts[part]!]![starts[part]! + index] = bits.join();
    });
  }

  left(text: number): number {
    return this.#texts[text]!.length - this.sequences[text]!.items.length;
  }
}
