/** Stories: runs of a text's tokens. */
import { type Example, ExampleWriter } from '../example.ts';
import type { Vocabulary } from '../vocabulary.ts';
import type { Source } from './source.ts';

/** Share of the documents, the first ones, that are never learned from. */
const HELD_OUT = 0.02;

/** @param weight of an example */
export function textSource(
  vocabulary: Vocabulary,
  documents: readonly string[],
  nContext: number,
  weight: number,
  about: Source['about'],
): Source {
  const nHeld = Math.max(1, Math.round(documents.length * HELD_OUT));
  const tokens = (texts: readonly string[]): Uint32Array =>
    Uint32Array.from(
      texts.flatMap((text) => [
        ...vocabulary.tokenizer.encode(text, { special: false }),
        vocabulary.endOfText,
      ]),
    );
  const [held, train] = [tokens(documents.slice(0, nHeld)), tokens(documents.slice(nHeld))];
  const write = (from: Uint32Array, at: number): Example =>
    new ExampleWriter(vocabulary)
      .text([...from.subarray(at, at + 1)])
      .text([...from.subarray(at + 1, at + nContext)], weight)
      .end(nContext);
  return {
    ...{ name: 'text', about, unbound: new Map() },
    example: (random) => write(train, random.integer(0, train.length - nContext)),
    heldOut: (n) =>
      Array.from({ length: Math.min(n, Math.floor(held.length / nContext)) }, (_, i) =>
        write(held, i * nContext),
      ),
  };
}
